# expect: 0
# needs: torch
# A module that keeps its last hidden state on self.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.hidden = torch.nn.RNN(2, 3), None
    def forward(self, xs):
        out, self.hidden = self.rnn(xs)
        return out.sum(0)
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(4, 2, 2))
