"""dezero's LSTM."""

import numpy as np

np.int = int  # which dezero reads

from dezero import Parameter, Variable  # noqa: E402
from dezero.layers import LSTM  # noqa: E402

gates = zip("fiou", "fiog", strict=True)
layout = "; ".join(f"x2{k}.W: w_x[{g}] d h; h2{k}.W: w_h[{g}] k h; x2{k}.b: b[{g}] h" for k, g in gates)


def run(params, state, xs, cotangents):
    layer, weights = LSTM(state.h.shape[1], xs.shape[2]), {k: Parameter(v) for k, v in params.items()}
    for name, v in weights.items():
        of, kind = name.split(".")
        setattr(getattr(layer, of), kind, v)
    h, c, *read = (Variable(v) for v in (*state, *xs))
    layer.h, layer.c = h, c
    hs = [layer(x) for x in read]
    pairs = zip((*hs, layer.h, layer.c), (*cotangents.hs, *cotangents.final), strict=True)
    sum((v * bar for v, bar in pairs), Variable(np.zeros_like(state.h))).backward()
    gradients = {"params": {k: v.grad.data for k, v in weights.items()}, "state": (h.grad.data, c.grad.data)}
    gradients["xs"] = np.stack([x.grad.data for x in read])
    return np.stack([v.data for v in hs]), (layer.h.data, layer.c.data), gradients
