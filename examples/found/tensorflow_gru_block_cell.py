"""TensorFlow's GRUBlockCell, and the backward op that belongs to it."""

import numpy as np
import tensorflow as tf

layout, dtypes = "tensorflow.GRUBlockCell", ["float32"]


def run(params, state, xs, cotangents):
    h, D, hs, tapes, xs_bar, bars = state.h, xs.shape[2], [], [], [], []
    for x in xs:
        r, u, c, h_next = tf.raw_ops.GRUBlockCell(x=x, h_prev=h, **params)
        tapes.append({"x": x, "h_prev": h, "r": r, "u": u, "c": c})
        hs.append(h := h_next)
    (h_bar,) = cotangents.final
    for t in reversed(range(len(xs))):
        x_bar, h_bar, c_bar, ru_bar = tf.raw_ops.GRUBlockCellGrad(**tapes[t], **params, d_h=h_bar + cotangents.hs[t])
        x, h, r = (tapes[t][k] for k in ("x", "h_prev", "r"))
        of = lambda read, bar: (np.concatenate((x, read), 1).T @ bar, np.sum(bar, 0))
        bars.append((*of(h, ru_bar), *of(r * h, c_bar)))
        xs_bar.insert(0, x_bar)
    sums = [sum(v) for v in zip(*bars)]
    return hs, hs[-1], {"params": dict(zip(("w_ru", "b_ru", "w_c", "b_c"), sums)), "state": (h_bar,), "xs": xs_bar}
