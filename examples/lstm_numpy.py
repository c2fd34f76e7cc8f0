"""A correct derivation in NumPy: an LSTM with its own BPTT, written in the usual style.

    lstm-ref check examples/lstm_numpy.py

`forward` may return any arrays; the check draws a random cotangent for each and passes them to `backward`.
"""

import numpy as np

T, B, D, H = 6, 2, 3, 4


def inputs(rng):
    """All arrays with a claimed gradient. They are random and non-zero, including biases and initial states."""
    return {
        "W": 0.5 * rng.standard_normal((D + H, 4 * H)),
        "b": 0.5 * rng.standard_normal(4 * H),
        "h0": 0.5 * rng.standard_normal((B, H)),
        "c0": 0.5 * rng.standard_normal((B, H)),
        "x": rng.standard_normal((T, B, D)),
    }


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(inputs):
    """Outputs of all steps, and the values of each step that the backward pass needs."""
    W, b, h, c = inputs["W"], inputs["b"], inputs["h0"], inputs["c0"]
    hs, tapes = [], []
    for x in inputs["x"]:
        joined = np.concatenate([x, h], axis=1)
        a = joined @ W + b
        i, f, g, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), np.tanh(a[:, 2 * H : 3 * H]), sigmoid(a[:, 3 * H :])
        c_prev, c = c, f * c + i * g
        u = np.tanh(c)
        h = o * u
        hs.append(h)
        tapes.append((joined, i, f, g, o, c_prev, u))
    return {"hs": np.stack(hs), "c": c}, tapes


def forward(inputs):
    return run(inputs)[0]


def backward(inputs, cotangents):
    W, x = inputs["W"], inputs["x"]
    _, tapes = run(inputs)
    W_bar, b_bar, x_bar = np.zeros_like(W), np.zeros_like(inputs["b"]), np.zeros_like(x)
    h_bar, c_bar = np.zeros_like(inputs["h0"]), cotangents["c"]
    for t in reversed(range(T)):
        joined, i, f, g, o, c_prev, u = tapes[t]
        h_bar = h_bar + cotangents["hs"][t]
        c_bar = c_bar + h_bar * o * (1 - u * u)
        a_bar = np.concatenate(
            [
                c_bar * g * i * (1 - i),
                c_bar * c_prev * f * (1 - f),
                c_bar * i * (1 - g * g),
                h_bar * u * o * (1 - o),
            ],
            axis=1,
        )
        W_bar += joined.T @ a_bar
        b_bar += a_bar.sum(axis=0)
        joined_bar = a_bar @ W.T
        x_bar[t], h_bar = joined_bar[:, :D], joined_bar[:, D:]
        c_bar = c_bar * f
    return {"W": W_bar, "b": b_bar, "x": x_bar, "h0": h_bar, "c0": c_bar}
