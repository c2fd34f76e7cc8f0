# expect: 0
# needs: torch
# Linear, leaky relu, linear as a module in float32, torch's default.
import torch
import lstm_ref
torch.manual_seed(2)
net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.LeakyReLU(0.2), torch.nn.Linear(5, 1))
problem = lstm_ref.torch_function(net, torch.randn(4, 3))
