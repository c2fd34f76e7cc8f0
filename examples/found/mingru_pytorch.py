"""minGRU-pytorch's minGRU, in its parallel form in logarithms."""

import torch
from minGRU_pytorch import minGRU

cell, layout = "min_gru", "to_hidden_and_gate.weight: w_x[nz] (g h) d"
autodiff, zero_state, sizes = "torch", True, {"D": 5}


def forward(params, state, xs):
    layer = minGRU(xs.shape[2]).to(xs.dtype)
    hs = torch.func.functional_call(layer, params, xs.swapaxes(0, 1)).swapaxes(0, 1)
    return hs, hs[-1]
