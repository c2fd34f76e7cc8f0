"""numpy-ml's RNN."""

import collections
import collections.abc

import numpy as np

collections.Hashable = collections.abc.Hashable  # which it imports from there

from numpy_ml.neural_nets.layers import RNN  # noqa: E402

cell, layout = "rnn_tanh", "Wax: w_x d h; Waa: w_h k h; bx: b h 1; ba: b h 1"
zero_state = True


def run(params, state, xs, cotangents):
    layer = RNN(state.h.shape[1])
    layer.n_in = xs.shape[2]
    layer._init_params()
    layer.cell.parameters.update(params)
    hs = layer.forward(np.moveaxis(xs, 0, 2))  # (B, D, T)
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(np.moveaxis(bars, 0, 2))
    return np.moveaxis(hs, 2, 0), hs[:, :, -1], {"params": layer.cell.gradients, "xs": np.moveaxis(xs_bar, 2, 0)}
