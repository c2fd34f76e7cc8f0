"""EpyNN's GRU."""

from epynn.gru.models import GRU

cell = "gru_before"
zero_state, dtypes = True, ["float64"]
gates = zip(("z", "r", "hh"), "zrn", strict=True)
layout = "; ".join(f"U{k}: w_x[{g}] d h; V{k}: w_h[{g}] k h; b{k}: b[{g}] 1 h" for k, g in gates)


def run(params, state, xs, cotangents):
    layer = GRU(state.h.shape[1], sequences=True, clip_gradients=False)
    layer.p = params
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)
    xs_bar = layer.backward(cotangents.hs.swapaxes(0, 1)).swapaxes(0, 1)
    layer.compute_gradients()
    return hs, None, {"params": {k: layer.g[f"d{k}"] for k in params}, "xs": xs_bar}
