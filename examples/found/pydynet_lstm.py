"""pydynet's LSTM."""

from pydynet import Tensor
from pydynet.nn import LSTM

layout = "Wx: w_x[fiog] d (g h); Wh: w_h[fiog] k (g h); bias: b[fiog] (g h)"


def run(params, state, xs, cotangents):
    x, h, c = read = [Tensor(v, requires_grad=True, dtype=xs.dtype) for v in (xs, state.h[None], state.c[None])]
    layer = LSTM(xs.shape[2], state.h.shape[1], dtype=xs.dtype)
    cell = layer.LSTMCells[0]
    for name, v in params.items():
        getattr(cell, name).data[...] = v
    hs, (last_h, last_c) = layer(x, (h, c))
    bars = cotangents.hs, cotangents.final.h[None], cotangents.final.c[None]
    pairs = zip((hs, last_h, last_c), bars, strict=True)
    sum((v * Tensor(bar, dtype=xs.dtype)).sum() for v, bar in pairs).backward()
    xs_bar, h_bar, c_bar = (v.grad for v in read)
    gradients = {"params": {k: getattr(cell, k).grad for k in params}, "state": (h_bar[0], c_bar[0]), "xs": xs_bar}
    return hs.data, (last_h.data[0], last_c.data[0]), gradients
