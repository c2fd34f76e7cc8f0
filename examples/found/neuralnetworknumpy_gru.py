"""neuralnetworknumpy's GRU."""

from neuralnetworknumpy.layers import GRU

cell = "gru_before_swapped"
layout = """W_zx: w_x[z] d h; W_zh: w_h[z] k h; b_z: b[z] 1 h
W_rx: w_x[r] d h; W_rh: w_h[r] k h; b_r: b[r] 1 h
W_xh: w_x[n] d h; W_hh: w_h[n] k h; b_h: b[n] 1 h"""


def run(params, state, xs, cotangents):
    layer = GRU(xs.shape[2], state.h.shape[1])
    vars(layer).update(params)
    hs = layer.forward(xs.swapaxes(0, 1), *state).swapaxes(0, 1)
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars.swapaxes(0, 1)).swapaxes(0, 1)
    gradients = {k: getattr(layer, f"d{k}") for k in params}
    return hs, hs[-1], {"params": gradients, "state": layer.dh_init, "xs": xs_bar}
