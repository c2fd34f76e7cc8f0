# expect: 0
# needs: torch
# A PackedSequence comes out.
import torch
from torch.nn.utils.rnn import pack_padded_sequence
import lstm_ref
torch.manual_seed(0)
rnn = torch.nn.GRU(2, 3).double()
def f(x): return rnn(pack_padded_sequence(x, torch.tensor([4, 2])))
problem = lstm_ref.torch_function(f, torch.randn(4, 2, 2, dtype=torch.float64))
