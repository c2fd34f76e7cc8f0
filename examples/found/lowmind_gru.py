"""lowmind's GRU."""

import numpy as np
from lowmind import GRU, Tensor

cell, dtypes = "gru_before_swapped", ["float32"]
layout = """weight_ir: w_x[zr] d (g h), w_h[zr] k (g h) on axis 0; bias_ir: b[zr] (g h)
weight_h: w_x[n] d h, w_h[n] k h on axis 0; bias_h: b[n] h"""


def run(params, state, xs, cotangents):
    x, h, *weights = read = [Tensor(v, requires_grad=True) for v in (xs, state.h[None], *params.values())]
    layer = GRU(xs.shape[2], state.h.shape[1])
    vars(layer.cell_0).update(zip(params, weights, strict=True))
    hs, _ = layer(x, h)
    hs.backward(cotangents.hs)
    x_bar, h_bar, *bars = (np.zeros_like(v.data) if v.grad is None else v.grad for v in read)
    return hs.data, None, {"params": dict(zip(params, bars, strict=True)), "state": h_bar[0], "xs": x_bar}
