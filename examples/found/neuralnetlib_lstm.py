"""neuralnetlib's LSTM."""

from neuralnetlib.layers import LSTM

words = "W{0}: w_x[{1}] d h; U{0}: w_h[{1}] k h; b{0}: b[{1}] 1 h"
layout = "; ".join(words.format(*pair) for pair in zip("fico", "figo", strict=True))
zero_state = True


def run(params, state, xs, cotangents):
    layer = LSTM(state.h.shape[1], return_sequences=True, clip_value=1e9)
    layer.forward_pass(xs.swapaxes(0, 1))  # its arrays are made
    for name, value in params.items():
        setattr(layer.cell, name, value)
    hs = layer.forward_pass(xs.swapaxes(0, 1)).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward_pass(bars.swapaxes(0, 1)).swapaxes(0, 1)
    gradients = {k: getattr(layer.cell, f"d{k}") for k in params}
    return hs, (hs[-1], None), {"params": gradients, "xs": xs_bar}
