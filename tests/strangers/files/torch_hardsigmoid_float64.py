# expect: 1
# says: times what it should be, in torch_hardsigmoid_float64.py:15
# needs: torch
# In float64 torch's own derivative of hardsigmoid is off in the eighth digit: named, though its backward has no graph.
import lstm_ref
import torch
class Gate(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = torch.nn.Linear(3, 4)
        self.rec = torch.nn.Linear(4, 4, bias=False)
    def forward(self, x):
        h = torch.zeros(4, dtype=x.dtype)
        for t in range(x.shape[0]):
            z = torch.nn.functional.hardsigmoid(self.inp(x[t]) + self.rec(h))
            h = z * h + (1 - z) * torch.tanh(self.inp(x[t]))
        return h.sum()
torch.manual_seed(0)
problem = lstm_ref.torch_function(Gate().double(), torch.randn(5, 3, dtype=torch.float64))
