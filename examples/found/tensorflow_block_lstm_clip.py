"""TensorFlow's BlockLSTM with a clip of the cell state, differentiated by a GradientTape."""

import tensorflow as tf

layout, cell, dtypes = "tensorflow.BlockLSTM", "cell_clipped", ["float32"]
clip = {"cell_clip": 0.5}  # of the cell `cell_clipped`; 3 by default


def run(params, state, xs, cotangents):
    w, b, h, c, x = read = [tf.constant(v) for v in (params["w"], params["b"], *state, xs)]
    no = dict.fromkeys(("wci", "wcf", "wco"), tf.zeros(h.shape[1]))  # peepholes
    with tf.GradientTape() as tape:
        tape.watch(read)
        made = tf.raw_ops.BlockLSTM(seq_len_max=len(xs), x=x, cs_prev=c, h_prev=h, w=w, b=b, **no, **clip)
        hs, final = made.h, (made.h[-1], made.cs[-1])
        pairs = zip((hs, *final), (cotangents.hs, *cotangents.final), strict=True)
        loss = tf.add_n([tf.reduce_sum(v * bar) for v, bar in pairs])
    w, b, h, c, x = tape.gradient(loss, read)
    return hs, final, {"params": {"w": w, "b": b}, "state": (h, c), "xs": x}
