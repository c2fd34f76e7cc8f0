"""mayini-framework's LSTM."""

from mayini.nn.rnn import RNN
from mayini.tensor import Tensor

layout = "weight_ih: w_x[fiog] d (g h); weight_hh: w_h[fiog] k (g h); bias_ih: b[fiog] (g h); bias_hh: b[fiog] (g h)"


def run(params, state, xs, cotangents):
    read = [Tensor(v, requires_grad=True) for v in (xs, *state, *params.values())]
    x, h, c, *weights = read
    layer = RNN(xs.shape[2], state.h.shape[1], cell_type="lstm")
    vars(layer.cells[0]).update(zip(params, weights, strict=True))
    hs, (last_h, last_c) = layer(x, [(h, c)])
    bars = cotangents.hs, cotangents.final.h[None], cotangents.final.c[None]
    pairs = zip((hs, last_h, last_c), bars, strict=True)
    sum(((v * Tensor(bar)).sum() for v, bar in pairs), Tensor(0.0)).backward()
    x_bar, h_bar, c_bar, *bars = (v.grad for v in read)
    gradients = {"params": dict(zip(params, bars, strict=True)), "state": (h_bar, c_bar), "xs": x_bar}
    return hs.data, (last_h.data[0], last_c.data[0]), gradients
