"""neuralnetlib's GRU."""

from neuralnetlib.layers import GRU

layout = "; ".join(
    f"W{k}: w_x[{g}] d h; U{k}: w_h[{g}] k h; b{k}: b[{g}] 1 h" for k, g in zip("zrh", "zrn", strict=True)
)
cell = "gru_before_swapped"
zero_state = True


def run(params, state, xs, cotangents):
    layer = GRU(state.h.shape[1], return_sequences=True, clip_value=1e9)
    layer.forward_pass(xs.swapaxes(0, 1))  # its arrays are made
    for name, value in params.items():
        setattr(layer.cell, name, value)
    hs = layer.forward_pass(xs.swapaxes(0, 1)).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward_pass(bars.swapaxes(0, 1)).swapaxes(0, 1)
    gradients = {k: getattr(layer.cell, f"d{k}") for k in params}
    return hs, hs[-1], {"params": gradients, "xs": xs_bar}
