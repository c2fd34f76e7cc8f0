"""pynnet's LSTM, of one sequence."""

from pynnet.layers.lstm import lstm

layout = "weights: w_h[figo] k (g h), w_x[figo] d (g h) on axis 0; biases: b[figo] 1 (g h)"
zero_state, sizes = True, {"B": 1}


def run(params, state, xs, cotangents):
    layer = lstm(xs.shape[2], state.h.shape[1])
    layer.weights, layer.biases = params.values()
    hs = layer.forward(xs[:, 0])[:, None]
    bars = cotangents.hs.copy()
    bars[-1] += cotangents.final.h
    xs_bar = layer.backward(bars[:, 0], None)[:, None]
    gradients = {"weights": layer.weights_gradient, "biases": layer.biases_gradient}
    return hs, (hs[-1], None), {"params": gradients, "xs": xs_bar}
