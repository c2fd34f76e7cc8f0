# expect: 0
# needs: torch
# says: computes in bfloat16 inside
# Mixed precision: the matrix product runs in bfloat16, forward and backward, which has three digits.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.linear(x).float().tanh()
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(2, 3))
