"""shinnosuke's SimpleRNN."""

from shinnosuke.layers.Recurrent import SimpleRNNCell

cell, layout = "rnn_tanh", "Wxa: w_x d h; Waa: w_h k h; ba: b h"
zero_state = True


def run(params, state, xs, cotangents):
    layer = SimpleRNNCell(state.h.shape[1])
    variables = layer._initial_params(xs.shape[2], state.h.shape[1])
    for one, value in zip(variables, params.values(), strict=True):
        one.output_tensor, one.grads = value, 0 * value
    hs = layer._forward(xs.swapaxes(0, 1), variables, True, False).swapaxes(0, 1)  # it has the batch first
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer._backward(bars.swapaxes(0, 1), variables, True).swapaxes(0, 1)
    gradients = dict(zip(params, (one.grads for one in variables), strict=True))
    return hs, hs[-1], {"params": gradients, "xs": xs_bar}
