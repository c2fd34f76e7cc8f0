"""thinc's LSTM in Python, which the backends without one of their own inherit: CupyOps computes with it on a GPU."""

import numpy as np
from thinc.backends.ops import Ops

layout = "thinc.LSTM"
dtypes, zero_state = ["float32"], True  # its initial state is one for all rows of a batch


def run(params, state, xs, cotangents):
    ops, (T, B, D), H = Ops(), xs.shape, state.h.shape[1]
    flat, h, lengths = np.concatenate([v.ravel() for v in params.values()]), np.zeros((1, 1, H), "f"), np.full(T, B)
    hs, kept = ops.lstm_forward_training(flat, h, h, xs.reshape(-1, D), lengths)
    xs_bar, flat_bar = ops.backprop_lstm(cotangents.hs.reshape(-1, H).copy(), lengths, flat, kept)
    parts = np.split(flat_bar, np.cumsum([v.size for v in params.values()])[:-1])
    gradients = {k: part.reshape(v.shape) for (k, v), part in zip(params.items(), parts, strict=True)}
    return hs.reshape(T, B, H), None, {"params": gradients, "xs": xs_bar.reshape(T, B, D)}
