"""neutro's LSTM, differentiated by its tape."""

from neutro.autograd import GradientTape, Tensor
from neutro.layers.recurrent import LSTM

layout = "W: w_x[ifgo] d (g h), w_h[ifgo] k (g h) on axis 0; b: b[ifgo] (g h)"
zero_state, dtypes = True, ["float64"]


def run(params, state, xs, cotangents):
    layer, x = LSTM(state.h.shape[1], return_sequences=True), Tensor(xs.swapaxes(0, 1))
    layer.build(x.shape)
    layer.params = {k: Tensor(v) for k, v in params.items()}
    with GradientTape() as tape:
        for one in (x, *layer.params.values()):
            tape.watch(one)
        hs = layer.forward(x)
        loss = (hs * Tensor(cotangents.hs.swapaxes(0, 1))).sum()
    tape.gradient(loss, [x, *layer.params.values()])
    gradients = {k: v.grad for k, v in layer.params.items()}
    return hs.data.swapaxes(0, 1), None, {"params": gradients, "xs": x.grad.swapaxes(0, 1)}
