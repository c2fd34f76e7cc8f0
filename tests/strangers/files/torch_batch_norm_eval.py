# expect: 0
# needs: torch
# A batch norm in eval mode after a convolution, float32.
import torch
import lstm_ref
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 2), torch.nn.BatchNorm1d(2)).eval()
problem = lstm_ref.torch_function(net, torch.randn(1, 1, 4))
