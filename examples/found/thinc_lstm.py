"""thinc's LSTM on a CPU. It hands out no final state, and no gradient of the initial one."""

import numpy as np
from thinc.api import NumpyOps

layout = "thinc.LSTM"
dtypes, sizes = ["float32"], {"B": 1}  # it computes in float32; the initial state is the same for every row


def run(params, state, xs, cotangents):
    ops, D, lengths = NumpyOps(), xs.shape[2], np.ones(len(xs), "int32")
    flat, (h, c) = np.concatenate([v.ravel() for v in params.values()]), (v[None] for v in state)
    hs, kept = ops.lstm_forward_training(flat, h, c, xs.reshape(-1, D), lengths)
    xs_bar, flat_bar = ops.backprop_lstm(cotangents.hs[:, 0].copy(), lengths, flat, kept)
    parts = np.split(flat_bar, np.cumsum([v.size for v in params.values()])[:-1])
    gradients = {k: part.reshape(v.shape) for (k, v), part in zip(params.items(), parts, strict=True)}
    return hs[:, None], None, {"params": gradients, "xs": xs_bar[:, None]}
