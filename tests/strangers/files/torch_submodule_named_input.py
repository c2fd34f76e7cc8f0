# expect: 0 or 2
# needs: torch
# A submodule that is named like the argument of forward.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input = torch.nn.Linear(2, 3)
    def forward(self, input): return torch.sigmoid(self.input(input))
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net().double(), torch.randn(4, 2, dtype=torch.float64))
