# expect: 0
# needs: torch
# says: 80 digits in balls
# A convolutional LSTM cell, two steps.
import torch
import lstm_ref
class ConvLSTM(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = torch.nn.Conv1d(2, 4, 3, padding=1)
    def forward(self, xs):
        h = c = torch.zeros(1, 1, 3)
        for x in xs:
            i, f, o, g = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return h, c
torch.manual_seed(0)
problem = lstm_ref.torch_function(ConvLSTM(), torch.randn(2, 1, 1, 3))
