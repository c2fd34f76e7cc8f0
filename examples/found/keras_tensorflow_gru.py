"""Keras' GRU on TensorFlow, in float64 too: where its numbers are float64, it computes in them."""

import keras
import tensorflow as tf

layout = "keras.layers.GRU"


def run(params, state, xs, cotangents):
    layer = keras.layers.GRU(state.h.shape[1], return_sequences=True, return_state=True, dtype=xs.dtype.name)
    layer.build(xs.swapaxes(0, 1).shape)  # it has the batch first
    layer.set_weights(params.values())
    h, x = read = [tf.constant(v) for v in (*state, xs)]
    with tf.GradientTape() as tape:
        tape.watch(read)
        hs, *final = layer(tf.transpose(x, (1, 0, 2)), initial_state=h)
        hs = tf.transpose(hs, (1, 0, 2))
        pairs = zip((hs, *final), (cotangents.hs, *cotangents.final), strict=True)
        loss = tf.add_n([tf.reduce_sum(v * bar) for v, bar in pairs])
    *weights, h, x = tape.gradient(loss, [v.value for v in layer.weights] + read)
    return hs, final[0], {"params": dict(zip(params, weights, strict=True)), "state": (h,), "xs": x}
