# expect: 0
# needs: torch
# A lambda that closes over a module in float32: its weights are no inputs, its input is.
import torch
import lstm_ref
torch.manual_seed(0)
gru = torch.nn.GRU(2, 3)
problem = lstm_ref.torch_function(lambda xs: gru(xs)[0], torch.randn(4, 2, 2))
