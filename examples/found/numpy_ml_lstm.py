"""numpy-ml's LSTM."""

import collections
import collections.abc

import numpy as np

collections.Hashable = collections.abc.Hashable  # which it imports from there

from numpy_ml.neural_nets.layers import LSTM  # noqa: E402

gates = {"Wf": "f", "Wu": "i", "Wc": "g", "Wo": "o"}
layout = "; ".join(f"{k}: w_h[{v}] k h, w_x[{v}] d h on axis 0; b{k[1]}: b[{v}] 1 h" for k, v in gates.items())
zero_state = True


def run(params, state, xs, cotangents):
    layer = LSTM(state.h.shape[1])
    layer.n_in = xs.shape[2]
    layer._init_params()
    layer.cell.parameters.update(params)
    hs = layer.forward(np.moveaxis(xs, 0, 2))  # (B, D, T)
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(np.moveaxis(bars, 0, 2))
    return np.moveaxis(hs, 2, 0), (hs[:, :, -1], None), {"params": layer.cell.gradients, "xs": np.moveaxis(xs_bar, 2, 0)}
