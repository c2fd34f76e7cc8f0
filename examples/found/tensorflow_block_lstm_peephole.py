"""TensorFlow's BlockLSTM with peepholes, differentiated by a GradientTape."""

import tensorflow as tf

layout, dtypes = "tensorflow.BlockLSTM(use_peephole)", ["float32"]


def run(params, state, xs, cotangents):
    h, c, x = (tf.constant(v) for v in (*state, xs))
    params = {k: tf.constant(v) for k, v in params.items()}
    with tf.GradientTape() as tape:
        tape.watch((params, h, c, x))
        options = {"seq_len_max": len(xs), "cell_clip": -1, "use_peephole": True}
        made = tf.raw_ops.BlockLSTM(x=x, cs_prev=c, h_prev=h, **params, **options)
        hs, final = made.h, (made.h[-1], made.cs[-1])
        pairs = zip((hs, *final), (cotangents.hs, *cotangents.final), strict=True)
        loss = tf.add_n([tf.reduce_sum(v * bar) for v, bar in pairs])
    params, h, c, x = tape.gradient(loss, (params, h, c, x))
    return hs, final, {"params": params, "state": (h, c), "xs": x}
