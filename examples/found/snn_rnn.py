"""snn-samsit's SimpleRNN. Its default, recurrent_initializer="orthogonal", is an initialiser that it does not have."""

from snn.layers.rnn import SimpleRNN

cell, layout = "rnn_tanh", "Wx: w_x d h; Wh: w_h k h; b: b 1 h"
zero_state, sizes = True, {"B": 4}


def run(params, state, xs, cotangents):
    layer = SimpleRNN(state.h.shape[1], return_sequences=True, recurrent_initializer="glorot_uniform")
    layer.build((None, None, xs.shape[2]))
    layer.Wx, layer.Wh, layer.b = params.values()
    hs = layer.forward(xs.swapaxes(0, 1)).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars.swapaxes(0, 1)).swapaxes(0, 1)
    return hs, hs[-1], {"params": layer.grads, "xs": xs_bar}
