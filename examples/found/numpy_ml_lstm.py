"""numpy-ml's LSTMCell. (Its LSTM around it cannot be made: "property 'gradients' of 'LSTM' object has no setter".)"""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # which numpy-ml imports from there

from numpy_ml.neural_nets.layers import LSTMCell  # noqa: E402

gates = {"Wf": "f", "Wu": "i", "Wc": "g", "Wo": "o"}
layout = "; ".join(f"{k}: w_h[{v}] k h, w_x[{v}] d h on axis 0; b{k[1]}: b[{v}] 1 h" for k, v in gates.items())
zero_state = True


def run(params, state, xs, cotangents):
    layer, T = LSTMCell(state.h.shape[1]), len(xs)
    layer.n_in = xs.shape[2]
    layer._init_params()
    layer.parameters.update(params)
    hs = [layer.forward(x)[0] for x in xs]
    xs_bar = [layer.backward(cotangents.hs[t] + cotangents.final.h * (t == T - 1)) for t in reversed(range(T))]
    return hs, (hs[-1], None), {"params": layer.gradients, "xs": xs_bar[::-1]}
