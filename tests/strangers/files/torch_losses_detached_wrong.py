# expect: 1
# needs: torch
# never: a defect of lstm_ref
# Losses added up, in one of which the target is cut off.
import torch
import lstm_ref
from torch.nn import functional as F
def loss(x, t):
    first = F.l1_loss(x, t) + F.soft_margin_loss(x, t.sign().detach())
    return first + F.gaussian_nll_loss(x, t, x.exp()) + F.poisson_nll_loss(x, t.detach().abs())
torch.manual_seed(0)
problem = lstm_ref.torch_function(loss, *torch.randn(2, 3, 4, dtype=torch.float64))
