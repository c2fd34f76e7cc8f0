"""TensorFlow's BlockLSTMV2 with BlockLSTMGradV2, the backward op that belongs to it."""

import numpy as np
import tensorflow as tf

layout, dtypes = "tensorflow.BlockLSTMV2", ["float32"]


def run(params, state, xs, cotangents):
    read = {"seq_len_max": len(xs), "x": xs, "cs_prev": state.c, "h_prev": state.h, **params}
    read |= dict.fromkeys(("wci", "wcf", "wco"), tf.zeros(state.h.shape[1]))
    made = tf.raw_ops.BlockLSTMV2(**read)._asdict()
    hs_bar, cs_bar = cotangents.hs, np.zeros_like(cotangents.hs)
    hs_bar[-1] += cotangents.final.h
    cs_bar[-1] += cotangents.final.c
    found = tf.raw_ops.BlockLSTMGradV2(**read, **made, cs_grad=cs_bar, h_grad=hs_bar, use_peephole=False)
    gradients = {"params": {"w": found.w_grad, "b": found.b_grad}, "xs": found.x_grad}
    return made["h"], (made["h"][-1], made["cs"][-1]), gradients | {"state": (found.h_prev_grad, found.cs_prev_grad)}
