# expect: 1
# needs: torch
# A normaliser computed under no_grad that does not cancel.
import torch
import lstm_ref
def f(x):
    with torch.no_grad(): n = x.norm()
    return torch.sin(x / n)
problem = lstm_ref.torch_function(f, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
