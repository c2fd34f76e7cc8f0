"""A classic mistake: the LSTM of `lstm_numpy.py`, whose backward pass does not carry the cell state's cotangent.

    lstm-ref check examples/lstm_mistake.py

The line `c_bar = c_bar * f` is missing, so `c_bar` starts from zero at every step. At T = 1 the gradient is right; with
longer sequences, training still works, but a little worse. `h_node` and `c_node` are probes: zeros added to the state
of every step, whose gradients are the adjoints of h and c. With them, the report finds the first wrong adjoint.
"""

import numpy as np

T, B, D, H = 6, 2, 3, 4
nodes = ["c_node", "h_node"]  # in forward order


def inputs(rng):
    return {
        "W": 0.5 * rng.standard_normal((D + H, 4 * H)),
        "b": 0.5 * rng.standard_normal(4 * H),
        "h0": 0.5 * rng.standard_normal((B, H)),
        "c0": 0.5 * rng.standard_normal((B, H)),
        "x": rng.standard_normal((T, B, D)),
        "c_node": np.zeros((T, B, H)),
        "h_node": np.zeros((T, B, H)),
    }


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(inputs):
    W, b, h, c = inputs["W"], inputs["b"], inputs["h0"], inputs["c0"]
    hs, tapes = [], []
    for t, x in enumerate(inputs["x"]):
        joined = np.concatenate([x, h], axis=1)
        a = joined @ W + b
        i, f, g, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), np.tanh(a[:, 2 * H : 3 * H]), sigmoid(a[:, 3 * H :])
        c_prev, c = c, f * c + i * g + inputs["c_node"][t]
        u = np.tanh(c)
        h = o * u + inputs["h_node"][t]
        hs.append(h)
        tapes.append((joined, i, f, g, o, c_prev, u))
    return np.stack(hs), tapes


def forward(inputs):
    return run(inputs)[0]


def backward(inputs, hs_bar):
    W = inputs["W"]
    _, tapes = run(inputs)
    bars = {name: np.zeros_like(value) for name, value in inputs.items()}
    h_bar = np.zeros_like(inputs["h0"])
    for t in reversed(range(T)):
        joined, i, f, g, o, c_prev, u = tapes[t]
        h_bar = h_bar + hs_bar[t]
        c_bar = h_bar * o * (1 - u * u)  # the mistake: c has a second reader, the next step
        bars["h_node"][t], bars["c_node"][t] = h_bar, c_bar
        a_bar = np.concatenate(
            [
                c_bar * g * i * (1 - i),
                c_bar * c_prev * f * (1 - f),
                c_bar * i * (1 - g * g),
                h_bar * u * o * (1 - o),
            ],
            axis=1,
        )
        bars["W"] += joined.T @ a_bar
        bars["b"] += a_bar.sum(axis=0)
        joined_bar = a_bar @ W.T
        bars["x"][t], h_bar = joined_bar[:, :D], joined_bar[:, D:]
    bars["h0"], bars["c0"] = h_bar, c_bar * f
    return bars
