# expect: 0
# needs: torch
# says: 80 digits in balls
# never: zero here
# A module holds its own step, compiled: it must read the parameters that the check moves.
import torch
import lstm_ref
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.of_x, self.of_h = torch.nn.Linear(2, 3), torch.nn.Linear(3, 3)
        self.step = torch.compile(self.one_step, backend="eager")
    def one_step(self, x, h):
        return torch.tanh(self.of_x(x) + self.of_h(h))
    def forward(self, xs):
        h = torch.zeros(2, 3)
        for x in xs:
            h = self.step(x, h)
        return h
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(2, 2, 2))
