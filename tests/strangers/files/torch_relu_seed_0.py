# expect: 0
# needs: torch
# Linear, relu, linear as a module in float64.
import torch
import lstm_ref
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).double()
problem = lstm_ref.torch_function(net, torch.randn(5, 3, dtype=torch.float64))
