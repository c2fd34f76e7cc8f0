"""numpy-ml's RNNCell. (Its RNN around it cannot be made: "property 'gradients' of 'RNN' object has no setter".)"""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # which numpy-ml imports from there

from numpy_ml.neural_nets.layers import RNNCell  # noqa: E402

cell, layout = "rnn_tanh", "Wax: w_x d h; Waa: w_h k h; bx: b h 1; ba: b h 1"
zero_state = True


def run(params, state, xs, cotangents):
    layer, T = RNNCell(state.h.shape[1]), len(xs)
    layer.n_in = xs.shape[2]
    layer._init_params()
    layer.parameters.update(params)
    hs = [layer.forward(x) for x in xs]
    xs_bar = [layer.backward(cotangents.hs[t] + cotangents.final.h * (t == T - 1)) for t in reversed(range(T))]
    return hs, hs[-1], {"params": layer.gradients, "xs": xs_bar[::-1]}
