# expect: 1
# needs: torch
# says: 0.6 times what it should be
# Dropout by hand whose backward pass forgets the scale of the mask; its random numbers are those of float32.
import torch
import lstm_ref
class Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        torch.manual_seed(1)
        ctx.mask = (torch.rand_like(x) > 0.4).to(x.dtype) / 0.6
        return x * ctx.mask
    @staticmethod
    def backward(ctx, bar):
        return bar * (ctx.mask > 0)
torch.manual_seed(0)
problem = lstm_ref.torch_function(lambda x: Dropout.apply(torch.tanh(x)), torch.randn(3, 5))
