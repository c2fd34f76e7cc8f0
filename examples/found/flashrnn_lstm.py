"""flashrnn's LSTM in torch with a backward pass of its own, vanilla_fwbw."""

import torch
from flashrnn.flashrnn.vanilla_fwbw.fwbw import lstm_pt_fwbw

layout, autodiff, dtypes = "flashrnn.lstm", "torch", ["float32"]


def forward(params, state, xs):
    H = state.h.shape[1]
    wx = (xs @ params["W"]).swapaxes(0, 1).unflatten(2, (4, 1, H))
    states, last = lstm_pt_fwbw(torch.stack(tuple(state))[:, :, None], wx, params["R"], params["b"])
    return states[:, 0, :, 0], tuple(last[:, :, 0])
