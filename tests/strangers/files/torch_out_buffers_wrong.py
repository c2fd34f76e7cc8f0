# expect: 1
# says: the gradient of W is assigned where it is to be added up
# says: torch_out_buffers_wrong.py:13
# never: function.py
# needs: torch
# The same with a kernel gradient that each step overwrites; the line is the one in the loop.
import torch, lstm_ref
class RNN(torch.autograd.Function):
    @staticmethod
    def forward(ctx, xs, W):
        hs = xs.new_zeros(len(xs) + 1, 2, 3)
        for t in range(len(xs)):
            torch.tanh(torch.cat([xs[t], hs[t]], 1) @ W, out=hs[t + 1])
        ctx.save_for_backward(xs, W, hs)
        return hs[1:].clone()
    @staticmethod
    def backward(ctx, bars):
        xs, W, hs = ctx.saved_tensors
        dW, dxs, dh = torch.zeros_like(W), torch.empty_like(xs), torch.zeros_like(hs[0])
        for t in reversed(range(len(xs))):
            dz = (bars[t] + dh) * (1 - hs[t + 1] ** 2)
            dW.addmm_(torch.cat([xs[t], hs[t]], 1).t(), dz, beta=0)
            dxs[t], dh = (dz @ W.t()).split([2, 3], 1)
        return dxs, dW
torch.manual_seed(0)
problem = lstm_ref.torch_function(RNN.apply, torch.randn(3, 2, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64))
