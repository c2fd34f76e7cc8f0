"""npdl's SimpleRNN."""

from npdl.layers import SimpleRNN

cell, layout = "rnn_tanh", "W: w_x d h; U: w_h k h; b: b h"
zero_state, dtypes = True, ["float32"]
sizes = {"D": 5, "B": 4}  # it needs as many inputs as units


def run(params, state, xs, cotangents):
    layer = SimpleRNN(n_out=state.h.shape[1], n_in=xs.shape[2], return_sequence=True)
    layer.connect_to()
    layer.first_layer = False
    layer.W, layer.U, layer.b = params.values()
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars.swapaxes(0, 1)).swapaxes(0, 1)
    return hs, hs[-1], {"params": dict(zip(params, layer.grads, strict=True)), "xs": xs_bar}
