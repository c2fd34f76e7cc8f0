# expect: 0 or 2
# needs: torch
# An embedding whose gradient is sparse.
import torch
import lstm_ref
torch.manual_seed(0)
net = torch.nn.Embedding(5, 3, sparse=True).double()
problem = lstm_ref.torch_function(net, torch.tensor([1, 3, 1]))
