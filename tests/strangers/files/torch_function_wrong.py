# expect: 1
# needs: torch
# An autograd Function that forgets a term of the product.
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
        return bar * torch.sigmoid(x)
problem = lstm_ref.torch_function(Swish.apply, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
