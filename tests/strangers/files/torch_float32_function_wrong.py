# expect: 1
# needs: torch
# A Function in float32 that is three per cent off.
import torch
import lstm_ref
class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y
    @staticmethod
    def backward(ctx, bar): return 1.03 * bar * ctx.saved_tensors[0]
problem = lstm_ref.torch_function(Exp.apply, torch.tensor([0.5, -1.5, 0.3]))
