"""lowmind's LSTMCell, step by step."""

import numpy as np
from lowmind import LSTMCell, Tensor

layout = "weight: w_x[ifgo] d (g h), w_h[ifgo] k (g h) on axis 0; bias: b[ifgo] (g h)"
dtypes = ["float32"]


def run(params, state, xs, cotangents):
    read = [Tensor(v, requires_grad=True) for v in (*state, *params.values(), *xs)]
    h, c, *_ = read
    layer, hs = LSTMCell(xs.shape[2], state.h.shape[1]), []
    vars(layer).update(zip(params, read[2:], strict=False))
    for x in read[2 + len(params) :]:
        h, c = layer(x, h, c)
        hs.append(h)
    pairs = zip((*hs, h, c), (*cotangents.hs, *cotangents.final), strict=True)
    sum(((v * Tensor(bar)).sum() for v, bar in pairs), Tensor(0.0)).backward()
    h_bar, c_bar, *bars = (v.grad for v in read)
    gradients = {"params": dict(zip(params, bars, strict=False)), "state": (h_bar, c_bar)}
    return np.stack([v.data for v in hs]), (h.data, c.data), {**gradients, "xs": np.stack(bars[len(params) :])}
