"""MML's LSTM cell (mml-pypi)."""

from functools import partial

import torch
from mml.nn_layer_lstm import nn_Layer_LSTMCell
from mml.tensor import Tensor

layout = "weight_ih: w_x[ifgo] (g h) d; weight_hh: w_h[ifgo] (g h) k; bias_ih: b[ifgo] (g h); bias_hh: b[ifgo] (g h)"
OPTIONS = {"return_sequences": True, "return_state": True, "gradient_clipping": 0, "backend": "torch"}


def run(params, state, xs, cotangents):
    dtype = torch.tensor(xs).dtype
    made = partial(Tensor, backend="torch", dtype=dtype)
    layer = nn_Layer_LSTMCell(xs.shape[2], state.h.shape[1], dtype=dtype, **OPTIONS)
    layer.train()
    for name, value in params.items():
        layer._parameters[name].data, layer._parameters[name].grad = made(value), made(0 * value)
    hs, h, c = layer.forward(made(xs.swapaxes(0, 1)), made(state.h), made(state.c))  # it has the batch first
    back = layer.backward(made(cotangents.hs.swapaxes(0, 1)), *map(made, cotangents.final))
    xs_bar, h_bar, c_bar = (v.data for v in back)
    gradients = {"params": {k: layer._parameters[k].grad.data for k in params}, "state": (h_bar, c_bar)}
    return hs.data.swapaxes(0, 1), (h.data, c.data), gradients | {"xs": xs_bar.swapaxes(0, 1)}
