# expect: 0 or 2
# needs: torch
# A scripted module.
import torch
import lstm_ref
torch.manual_seed(0)
net = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh()).double())
problem = lstm_ref.torch_function(net, torch.randn(2, 3, dtype=torch.float64))
