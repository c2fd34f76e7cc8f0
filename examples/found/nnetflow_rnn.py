"""nnetflow's RNN."""

from nnetflow.engine import Tensor
from nnetflow.layers import RNN

cell, layout, zero_state = "rnn_tanh", "Wxh: w_x d h; Whh: w_h k h; bh: b 1 h", True


def run(params, state, xs, cotangents):
    read = [Tensor(v, requires_grad=True, dtype=xs.dtype) for v in (xs.swapaxes(0, 1), *params.values())]
    layer = RNN(state.h.shape[1], return_sequence=True, dtype=xs.dtype)
    layer.forward(read[0])  # its arrays are made
    vars(layer).update(zip(params, read[1:], strict=True))
    hs = layer.forward(read[0])
    (hs * Tensor(cotangents.hs.swapaxes(0, 1), dtype=xs.dtype)).sum().backward()
    xs_bar, *bars = (v.grad for v in read)
    gradients = {"params": dict(zip(params, bars, strict=True)), "xs": xs_bar.swapaxes(0, 1)}
    return hs.data.swapaxes(0, 1), None, gradients
