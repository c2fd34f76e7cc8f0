# expect: 0
# needs: torch
# .float() in the middle of float64 code.
import torch
import lstm_ref
def f(x, w): return (torch.tanh(x @ w).float() ** 2).sum()
torch.manual_seed(0)
problem = lstm_ref.torch_function(f, torch.randn(3, 2, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64))
