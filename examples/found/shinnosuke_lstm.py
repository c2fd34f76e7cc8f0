"""shinnosuke's LSTM."""

from shinnosuke.layers.Recurrent import LSTMCell

layout = "W: w_h[figo] k (g h), w_x[figo] d (g h) on axis 0; b: b[figo] 1 (g h)"
zero_state = True


def run(params, state, xs, cotangents):
    cell = LSTMCell(state.h.shape[1])
    W, b = cell._initial_params(xs.shape[2], state.h.shape[1])
    W.output_tensor, b.output_tensor = params.values()
    W.grads, b.grads = (0 * v for v in params.values())
    hs = cell._forward(xs.swapaxes(0, 1), (W, b), True, False).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = cell._backward(bars.swapaxes(0, 1), (W, b), True).swapaxes(0, 1)
    return hs, (hs[-1], None), {"params": {"W": W.grads, "b": b.grads}, "xs": xs_bar}
