"""EpyNN's LSTM."""

from epynn.lstm.models import LSTM

zero_state, dtypes = True, ["float64"]
layout = "; ".join(f"U{g}: w_x[{g}] d h; V{g}: w_h[{g}] k h; b{g}: b[{g}] 1 h" for g in "figo")


def run(params, state, xs, cotangents):
    layer = LSTM(state.h.shape[1], sequences=True)
    layer.p = params
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)
    xs_bar = layer.backward(cotangents.hs.swapaxes(0, 1)).swapaxes(0, 1)
    layer.compute_gradients()
    return hs, None, {"params": {k: layer.g[f"d{k}"] for k in params}, "xs": xs_bar}
