"""snn-samsit's GRU."""

from snn.layers.rnn import GRU

cell, layout = "gru_before", "W: w_x[zrn] d (g h); U: w_h[zrn] k (g h); b: b[zrn] 1 (g h)"
zero_state, sizes = True, {"B": 4}


def run(params, state, xs, cotangents):
    layer = GRU(state.h.shape[1], return_sequences=True)
    layer.build((None, None, xs.shape[2]))
    layer.W, layer.U, layer.b = params.values()
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars.swapaxes(0, 1)).swapaxes(0, 1)
    return hs, hs[-1], {"params": layer.grads, "xs": xs_bar}
