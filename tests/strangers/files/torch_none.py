# expect: 1
# needs: torch
# A Function that returns None for a float input that has a gradient: torch reads zero, and so must we.
import torch
import lstm_ref
class Mul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w
    @staticmethod
    def backward(ctx, bar): return bar * ctx.saved_tensors[1], None
problem = lstm_ref.torch_function(Mul.apply, torch.tensor([0.5, -1.5], dtype=torch.float64), torch.tensor([0.3, 2.0], dtype=torch.float64))
