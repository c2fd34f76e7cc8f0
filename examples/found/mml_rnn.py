"""MML's RNN cell (mml-pypi)."""

from functools import partial

import torch
from mml.nn_layer_rnn import nn_Layer_RNNCell
from mml.tensor import Tensor

cell, layout = "rnn_tanh", "weight_ih: w_x h d; weight_hh: w_h h k; bias_ih: b h; bias_hh: b h"
OPTIONS = {"return_sequences": True, "return_state": True, "gradient_clipping": 0, "actv": "tanh", "backend": "torch"}


def run(params, state, xs, cotangents):
    dtype = torch.tensor(xs).dtype
    made = partial(Tensor, backend="torch", dtype=dtype)
    layer = nn_Layer_RNNCell(xs.shape[2], state.h.shape[1], dtype=dtype, **OPTIONS)
    layer.train()
    for name, value in params.items():
        layer._parameters[name].data, layer._parameters[name].grad = made(value), made(0 * value)
    hs, h = layer.forward(made(xs.swapaxes(0, 1)), made(state.h))  # it has the batch first
    xs_bar, h_bar = (v.data for v in layer.backward(made(cotangents.hs.swapaxes(0, 1)), made(cotangents.final.h)))
    gradients = {"params": {k: layer._parameters[k].grad.data for k in params}, "state": (h_bar,)}
    return hs.data.swapaxes(0, 1), h.data, gradients | {"xs": xs_bar.swapaxes(0, 1)}
