"""neuralnetworknumpy's LSTM."""

from neuralnetworknumpy.layers import LSTM

gates = zip("fioc", "fiog", strict=True)
layout = "; ".join(f"W_{k}x: w_x[{g}] d h; W_{k}h: w_h[{g}] k h; b_{k}: b[{g}] 1 h" for k, g in gates)


def run(params, state, xs, cotangents):
    layer = LSTM(xs.shape[2], state.h.shape[1])
    vars(layer).update(params)
    hs = layer.forward(xs.swapaxes(0, 1), *state).swapaxes(0, 1)
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    c_bar = cotangents.final.c[:, None]
    xs_bar = layer.backward(bars.swapaxes(0, 1), c_bar).swapaxes(0, 1)
    gradients = {k: getattr(layer, f"d{k}") for k in params}
    return hs, (hs[-1], layer.c_T), {"params": gradients, "state": (layer.dh_init, layer.dc_init), "xs": xs_bar}
