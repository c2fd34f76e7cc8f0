# expect: 0
# needs: torch
# A Function that returns None for an input that its output does not depend on.
import torch
import lstm_ref
class First(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, bar): return bar * 3 * ctx.saved_tensors[0] ** 2, None
problem = lstm_ref.torch_function(First.apply, torch.tensor([0.5, -1.5], dtype=torch.float64), torch.tensor([0.3, 2.0], dtype=torch.float64))
