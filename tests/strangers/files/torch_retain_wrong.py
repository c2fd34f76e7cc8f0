# expect: 1
# needs: torch
# A module that halves its weights' gradient by detaching one of two uses.
import torch
import lstm_ref
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
    def forward(self, x): return torch.tanh(x @ self.w) @ self.w.detach().T
torch.manual_seed(0)
problem = lstm_ref.torch_function(Tied(), torch.randn(2, 3, dtype=torch.float64))
