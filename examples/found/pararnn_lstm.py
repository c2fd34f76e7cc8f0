"""pararnn-torch's LSTM, solved by Newton steps with a backward pass of its own, for `lstm-ref check`."""

import torch
from pararnn import ParaLSTM, ParaRNN

import lstm_ref

torch.manual_seed(0)
B, T, D, H = 2, 4, 3, 5
layer = ParaRNN(ParaLSTM(D, H, dtype=torch.float64), solver="newton")
problem = lstm_ref.torch_function(layer, torch.randn(B, T, D, dtype=torch.float64), name="ParaRNN of ParaLSTM")
