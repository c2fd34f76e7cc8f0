# expect: 0
# needs: torch
# A module that uses one kernel twice.
import torch
import lstm_ref
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
    def forward(self, x): return torch.tanh(x @ self.w) @ self.w.T
torch.manual_seed(0)
problem = lstm_ref.torch_function(Tied(), torch.randn(2, 3, dtype=torch.float64))
