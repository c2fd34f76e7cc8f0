# expect: 1
# needs: torch
# says: return slope * a
# never: zero here
# A module holds a function that reads the module's own parameter, whose gradient is halved.
import torch
import lstm_ref
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, slope, a):
        ctx.save_for_backward(slope, a)
        return slope * a
    @staticmethod
    def backward(ctx, bar):
        slope, a = ctx.saved_tensors
        return (bar * a).sum() / 2, bar * slope
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.slope = torch.nn.Linear(3, 4), torch.nn.Parameter(torch.tensor(0.7))
        self.activation = lambda a: torch.tanh(Scaled.apply(self.slope, a))
    def forward(self, x):
        return self.activation(self.linear(x))
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(2, 3))
