"""TensorFlow's LSTMBlockCell with a clip of the cell state, and the backward op that belongs to it."""

import tensorflow as tf

layout, cell, dtypes = "tensorflow.BlockLSTM", "cell_clipped", ["float32"]


def run(params, state, xs, cotangents):
    (h, c), w, tapes, xs_bar, w_bar, b_bar = state, params["w"], [], [], 0, 0
    given = {"w": w, "b": params["b"], **dict.fromkeys(("wci", "wcf", "wco"), tf.zeros(h.shape[1]))}
    for x in xs:
        made = tf.raw_ops.LSTMBlockCell(x=x, cs_prev=c, h_prev=h, cell_clip=0.5, **given)._asdict()
        tapes.append(({"x": x, "cs_prev": c, "h_prev": h}, made))
        h, c = made["h"], made["cs"]
    h_bar, c_bar = cotangents.final
    for (read, made), bar in zip(reversed(tapes), reversed(cotangents.hs)):
        kept = {k: v for k, v in made.items() if k != "h"} | {"cs_grad": c_bar, "h_grad": h_bar + bar}
        c_bar, a_bar, *_ = tf.raw_ops.LSTMBlockCellGrad(**read, **given, **kept, use_peephole=False)
        x_bar, h_bar = tf.split(a_bar @ w.T, [xs.shape[2], -1], axis=1)
        w_bar, b_bar = w_bar + tf.transpose(tf.concat((read["x"], read["h_prev"]), 1)) @ a_bar, b_bar + tf.reduce_sum(a_bar, 0)
        xs_bar.insert(0, x_bar)
    return tf.stack([made["h"] for _, made in tapes]), (h, c), {"params": {"w": w_bar, "b": b_bar}, "state": (h_bar, c_bar), "xs": tf.stack(xs_bar)}
