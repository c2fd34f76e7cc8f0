"""TensorFlow's GRUBlockCell, and the backward op that belongs to it."""

import numpy as np
import tensorflow as tf

layout, dtypes = "tensorflow.GRUBlockCell", ["float32"]


def run(params, state, xs, cotangents):
    h, hs, tapes, bars = state.h, [], [], []
    for x in xs:
        made = tf.raw_ops.GRUBlockCell(x=x, h_prev=h, **params)._asdict()
        hs.append(h_next := made.pop("h"))
        tapes.append({"x": x, "h_prev": h, **made})
        h = h_next
    (h_bar,) = cotangents.final
    for tape, bar in zip(tapes[::-1], cotangents.hs[::-1], strict=True):
        x, h_prev, r = (tape[k] for k in ("x", "h_prev", "r"))
        x_bar, h_bar, c_bar, ru_bar = tf.raw_ops.GRUBlockCellGrad(**tape, **params, d_h=h_bar + bar)
        w_ru, w_c = (np.hstack((x, v)).T @ a_bar for v, a_bar in ((h_prev, ru_bar), (r * h_prev, c_bar)))
        bars.append((w_ru, w_c, np.sum(ru_bar, 0), np.sum(c_bar, 0), x_bar))
    *sums, x_bars = (sum(v) if n < 4 else v[::-1] for n, v in enumerate(zip(*bars, strict=True)))
    gradients = dict(zip(("w_ru", "w_c", "b_ru", "b_c"), sums, strict=True))
    return hs, h, {"params": gradients, "state": (h_bar,), "xs": x_bars}
