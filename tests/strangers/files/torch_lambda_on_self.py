# expect: 0
# needs: torch
# never: zero here
# A module holds a function that reads the module's own parameter, and a hook that does.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.slope = torch.nn.Linear(3, 4), torch.nn.Parameter(torch.tensor(0.7))
        self.activation = lambda a: torch.tanh(self.slope * a)
        self.linear.register_forward_hook(lambda module, given, made: made + self.slope)
    def forward(self, x):
        return self.activation(self.linear(x))
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(2, 3))
