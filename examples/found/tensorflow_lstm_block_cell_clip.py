"""TensorFlow's LSTMBlockCell with a clip of the cell state, and the backward op that belongs to it."""

import tensorflow as tf

layout, cell, dtypes = "tensorflow.BlockLSTM", "cell_clipped", ["float32"]


def run(params, state, xs, cotangents):
    (h, c), w, tapes, hs, bars = state, params["w"], [], [], []
    given = {"w": w, "b": params["b"], **dict.fromkeys(("wci", "wcf", "wco"), tf.zeros(h.shape[1]))}
    for x in xs:
        read = {"x": x, "cs_prev": c, "h_prev": h, **given}
        made = tf.raw_ops.LSTMBlockCell(**read, cell_clip=0.5)._asdict()
        hs.append(h := made.pop("h"))
        c = made["cs"]
        tapes.append(read | made)
    h_bar, c_bar = cotangents.final
    for tape, bar in zip(tapes[::-1], cotangents.hs[::-1], strict=True):
        c_bar, a_bar, *_ = tf.raw_ops.LSTMBlockCellGrad(**tape, cs_grad=c_bar, h_grad=h_bar + bar, use_peephole=False)
        x_bar, h_bar = tf.split(a_bar @ w.T, [xs.shape[2], -1], axis=1)
        bars.append((tf.transpose(tf.concat((tape["x"], tape["h_prev"]), 1)) @ a_bar, tf.reduce_sum(a_bar, 0), x_bar))
    w_bars, b_bars, x_bars = zip(*bars, strict=True)
    return hs, (h, c), {"params": {"w": sum(w_bars), "b": sum(b_bars)}, "state": (h_bar, c_bar), "xs": x_bars[::-1]}
