"""neuralnetworknumpy's RNN."""

from neuralnetworknumpy.layers import RNN

cell, layout = "rnn_tanh", "W_xh: w_x d h; W_hh: w_h k h; b_h: b 1 h"


def run(params, state, xs, cotangents):
    layer = RNN(xs.shape[2], state.h.shape[1])
    vars(layer).update(params)
    hs = layer.forward(xs.swapaxes(0, 1), *state).swapaxes(0, 1)
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars.swapaxes(0, 1)).swapaxes(0, 1)
    gradients = {k: getattr(layer, f"d{k}") for k in params}
    return hs, hs[-1], {"params": gradients, "state": layer.dh_init, "xs": xs_bar}
