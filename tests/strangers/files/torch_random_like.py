# expect: 0
# needs: torch
# says: 80 digits in balls
# Dropout by hand in float32: in float64, rand_like would draw other numbers from the same seed.
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
        return bar * ctx.mask
torch.manual_seed(0)
problem = lstm_ref.torch_function(lambda x: Dropout.apply(torch.tanh(x)), torch.randn(3, 5))
