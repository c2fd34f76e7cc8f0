# expect: 1
# needs: torch
# A Function that saves a tensor's data and changes it afterwards: what comes back belongs to other values.
import torch
import lstm_ref
class Sq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        kept = x.detach().clone()
        ctx.kept = kept
        y = kept * kept
        kept.add_(0.1)
        return y
    @staticmethod
    def backward(ctx, bar): return 2 * bar * ctx.kept
problem = lstm_ref.torch_function(Sq.apply, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
