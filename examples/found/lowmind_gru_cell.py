"""lowmind's GRUCell, step by step."""

import numpy as np
from lowmind import GRUCell, Tensor

cell, dtypes = "gru_before_swapped", ["float32"]
layout = """weight_ir: w_x[zr] d (g h), w_h[zr] k (g h) on axis 0; bias_ir: b[zr] (g h)
weight_h: w_x[n] d h, w_h[n] k h on axis 0; bias_h: b[n] h"""


def run(params, state, xs, cotangents):
    read = [Tensor(v, requires_grad=True) for v in (*state, *params.values(), *xs)]
    layer, hs, h = GRUCell(xs.shape[2], state.h.shape[1]), [], read[0]
    vars(layer).update(zip(params, read[1:], strict=False))
    for x in read[1 + len(params) :]:
        hs.append(h := layer(x, h))
    pairs = zip((*hs, h), (*cotangents.hs, *cotangents.final), strict=True)
    sum(((v * Tensor(bar)).sum() for v, bar in pairs), Tensor(0.0)).backward()
    h_bar, *bars = (v.grad for v in read)
    gradients = {"params": dict(zip(params, bars, strict=False)), "state": h_bar}
    return np.stack([v.data for v in hs]), h.data, {**gradients, "xs": np.stack(bars[len(params) :])}
