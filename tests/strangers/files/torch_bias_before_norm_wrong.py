# expect: 1
# needs: torch
# A hook clamps what flows back to a bias before a batch norm.
import torch
import lstm_ref
torch.manual_seed(1)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 4)
        self.n = torch.nn.BatchNorm1d(4, track_running_stats=False)
    def forward(self, x):
        h = torch.tanh(self.n(self.a(x)))
        h.register_hook(lambda g: g.clamp(-1e-3, 1e-3)) if h.requires_grad else None
        return h.square()
problem = lstm_ref.torch_function(Net(), torch.randn(7, 3))
