"""custom-rnn's GRUCell, which is shipped compiled, of one sequence."""

import numpy as np
from mytorch.gru_cell import GRUCell

words = "W{0}x: w_x[{0}] h d; W{0}h: w_h[{0}] h k; b{0}x: b[{0}] h; b{0}h: b_h[{0}] h"
layout = "; ".join(words.format(gate) for gate in "rzn")
cell, sizes = "gru", {"B": 1}
NAMES = [f"{k}{g}{of}" for k, of in (("W", "x"), ("W", "h"), ("b", "x"), ("b", "h")) for g in "rzn"]


def run(params, state, xs, cotangents):
    layer, h, h_bar, xs_bar = GRUCell(xs.shape[2], state.h.shape[1]), state.h[0], cotangents.final.h[0], 0 * xs
    layer.init_weights(*(params[k] for k in NAMES))
    before = [h] + [h := layer(x[0], h) for x in xs]
    for t in reversed(range(len(xs))):
        layer(xs[t, 0], before[t])  # it keeps one step
        xs_bar[t], h_bar = layer.backward(cotangents.hs[t, 0] + h_bar)
    gradients = {k: getattr(layer, f"d{k}") for k in params}
    return np.stack(before[1:])[:, None], h[None], {"params": gradients, "state": (h_bar[None],), "xs": xs_bar}
