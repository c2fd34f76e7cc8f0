# expect: 1
# needs: torch
# The same with 0.7071 for the root of a half.
import math
import torch
import lstm_ref
class MeanGelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.nn.functional.gelu(x).mean()
    @staticmethod
    def backward(ctx, bar):
        (x,) = ctx.saved_tensors
        return bar / x.numel() * (0.5 * (1 + torch.erf(x * 0.7071)) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi))
problem = lstm_ref.torch_function(MeanGelu.apply, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
