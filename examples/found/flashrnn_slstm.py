"""flashrnn's sLSTM in torch with a backward pass of its own, vanilla_fwbw, for `lstm-ref check`."""

import torch
from flashrnn.flashrnn.vanilla_fwbw.fwbw import slstm_pt_fwbw

import lstm_ref

torch.manual_seed(0)
B, T, N, H = 2, 4, 1, 3
wx, R, b = torch.randn(B, T, 4, N, H), torch.randn(4, N, H, H), torch.randn(4, N, H)
h, c, n, m = torch.randn(4, B, N, H)


def layer(wx, R, b, h, c, n, m):
    states, _ = slstm_pt_fwbw(torch.stack((h, c, n, m)), wx, R, b)
    return states[:, 0]


problem = lstm_ref.torch_function(layer, wx, R, b, h, c, 1 + n.abs(), m, name="sLSTM of flashrnn, vanilla_fwbw")
