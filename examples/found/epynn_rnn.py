"""EpyNN's RNN."""

from epynn.rnn.models import RNN

zero_state, dtypes = True, ["float64"]
cell, layout = "rnn_tanh", "U: w_x d h; V: w_h k h; b: b 1 h"


def run(params, state, xs, cotangents):
    layer = RNN(state.h.shape[1], sequences=True, clip_gradients=False)  # to the norm 0.25 by default
    layer.p = params
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)
    xs_bar = layer.backward(cotangents.hs.swapaxes(0, 1)).swapaxes(0, 1)
    layer.compute_gradients()
    return hs, None, {"params": {k: layer.g[f"d{k}"] for k in params}, "xs": xs_bar}
