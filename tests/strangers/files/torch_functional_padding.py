# expect: 0
# needs: torch
# says: held fixed, because torch gives the row of padding_idx no gradient: row 4 of table
# An embedding by its function, with a row for padding.
import torch
from torch.nn import functional as F
import lstm_ref
def run(words, table, u):
    return torch.tanh(F.embedding(words, table, padding_idx=-1) @ u)
torch.manual_seed(0)
problem = lstm_ref.torch_function(run, torch.tensor([0, 4, 2]), torch.randn(5, 3), torch.randn(3, 2))
