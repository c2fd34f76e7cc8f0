# expect: 0
# needs: torch
# says: 80 digits in balls
# Reentrant checkpointing, which torch.autograd.grad does not take and backward() does.
import torch
import lstm_ref
from torch.utils.checkpoint import checkpoint
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
    def forward(self, x):
        for _ in range(2):
            x = checkpoint(lambda v: torch.tanh(self.linear(v)), x, use_reentrant=True)
        return x
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net().double(), torch.randn(2, 3, dtype=torch.float64))
