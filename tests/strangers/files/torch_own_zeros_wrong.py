# expect: 1
# needs: torch
# An LSTM cell in float32 that makes its own states, and detaches h by mistake.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = torch.nn.LSTMCell(1, 2), torch.nn.Linear(2, 1)
    def forward(self, xs):
        h, c = torch.zeros(xs.shape[1], 2), torch.zeros(xs.shape[1], 2)
        for x in xs: h, c = self.cell(x, (h.detach(), c))
        return self.out(h)
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(3, 2, 1))
