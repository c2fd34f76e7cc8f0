# expect: 1
# needs: torch
# says: g.norm(dim=1) is missing
# never: wrong sign
# A gradient penalty without create_graph, whose own gradient is lost.
import torch
import lstm_ref
class Critic(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    def forward(self, x):
        y = self.net(x).sum()
        (g,) = torch.autograd.grad(y, x, retain_graph=True)
        penalty = ((g.norm(dim=1) - 1) ** 2).mean()
        return y + penalty
torch.manual_seed(0)
problem = lstm_ref.torch_function(Critic(), torch.randn(2, 3))
