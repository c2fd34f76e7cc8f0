# expect: 1
# needs: torch
# .float() in the middle, and a Function that is two per cent off.
import torch
import lstm_ref
class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        y = torch.tanh(a.float())
        ctx.save_for_backward(y)
        return y
    @staticmethod
    def backward(ctx, bar):
        (y,) = ctx.saved_tensors
        return (bar * (1 - 0.98 * y * y)).double()
def f(x, w): return Tanh.apply(x @ w)
torch.manual_seed(0)
problem = lstm_ref.torch_function(f, torch.randn(3, 2, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64))
