# expect: 1
# needs: torch
# says: 0.5 times what it should be
# A hook on a parameter halves its gradient.
import torch
import lstm_ref
net = torch.nn.Linear(3, 2).double()
net.weight.register_hook(lambda bar: bar * 0.5)
torch.manual_seed(0)
problem = lstm_ref.torch_function(net, torch.randn(2, 3, dtype=torch.float64))
