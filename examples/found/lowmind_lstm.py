"""lowmind's LSTM."""

import numpy as np
from lowmind import LSTM, Tensor

layout = "weight: w_x[ifgo] d (g h), w_h[ifgo] k (g h) on axis 0; bias: b[ifgo] (g h)"
dtypes = ["float32"]


def run(params, state, xs, cotangents):
    read = [Tensor(v, requires_grad=True) for v in (xs, state.h[None], state.c[None], *params.values())]
    x, h, c, *weights = read
    layer = LSTM(xs.shape[2], state.h.shape[1])
    vars(layer.cell_0).update(zip(params, weights, strict=True))
    hs, _ = layer(x, (h, c))
    hs.backward(cotangents.hs)
    x_bar, h_bar, c_bar, *bars = (np.zeros_like(v.data) if v.grad is None else v.grad for v in read)
    gradients = {"params": dict(zip(params, bars, strict=True)), "state": (h_bar[0], c_bar[0])}
    return hs.data, None, {**gradients, "xs": x_bar}
