# expect: 0
# needs: torch
# An autograd Function, right.
import torch
import lstm_ref
class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)
    @staticmethod
    def backward(ctx, bar):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return bar * s * (1 + x * (1 - s))
problem = lstm_ref.torch_function(Swish.apply, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
