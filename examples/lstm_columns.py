"""A mistake named in code with its own layout: column vectors, [h; x], gates f, i, c, o, one dict entry per gate.

    lstm-ref check examples/lstm_columns.py

Two things are added to the author's code: `cell`, and `mapping`, which builds the arrays of `lstm_ref.cells.lstm` from
the author's arrays (it may rearrange, add and scale, in plain NumPy). The check then says whether the forward is an
LSTM, and looks up the wrong gradient in the dictionary of mistakes. The mistake here: 1 - c² in place of 1 - tanh(c)².
"""

import numpy as np

T, B, D, H = 6, 2, 3, 4

cell = "lstm"


def mapping(inputs):
    W = np.concatenate([inputs["W"][k].T for k in "ifco"], axis=1)  # gates in our order; c is the candidate
    return {
        "w_h": W[:H],
        "w_x": W[H:],
        "b": np.concatenate([inputs["b"][k][:, 0] for k in "ifco"]),
        "h": inputs["h0"].T,
        "c": inputs["c0"].T,
        "xs": inputs["x"].transpose(0, 2, 1),
    }


def inputs(rng):
    return {
        "W": {k: 0.5 * rng.standard_normal((H, H + D)) for k in "fico"},
        "b": {k: 0.5 * rng.standard_normal((H, 1)) for k in "fico"},
        "h0": 0.5 * rng.standard_normal((H, B)),
        "c0": 0.5 * rng.standard_normal((H, B)),
        "x": rng.standard_normal((T, D, B)),
    }


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def run(inputs):
    W, b, h, c = inputs["W"], inputs["b"], inputs["h0"], inputs["c0"]
    hs, tape = [], []
    for x in inputs["x"]:
        z = np.concatenate([h, x])
        f, i, o = (sigmoid(W[k] @ z + b[k]) for k in "fio")
        g = np.tanh(W["c"] @ z + b["c"])
        c_prev, c = c, f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
        tape.append((z, f, i, g, o, c_prev, c))
    return np.stack(hs), tape


def forward(inputs):
    return run(inputs)[0]


def backward(inputs, dhs):
    dW = {k: np.zeros_like(v) for k, v in inputs["W"].items()}
    db = {k: np.zeros_like(v) for k, v in inputs["b"].items()}
    dx = np.zeros_like(inputs["x"])
    dh, dc = np.zeros_like(inputs["h0"]), np.zeros_like(inputs["c0"])
    for t, (z, f, i, g, o, c_prev, c) in reversed(list(enumerate(run(inputs)[1]))):
        dh = dh + dhs[t]
        dc = dc + dh * o * (1 - c * c)  # the mistake
        da = {
            "f": dc * c_prev * f * (1 - f),
            "i": dc * g * i * (1 - i),
            "c": dc * i * (1 - g * g),
            "o": dh * np.tanh(c) * o * (1 - o),
        }
        dz = sum(inputs["W"][k].T @ da[k] for k in "fico")
        for k in "fico":
            dW[k] += da[k] @ z.T
            db[k] += da[k].sum(axis=1, keepdims=True)
        dh, dx[t], dc = dz[:H], dz[H:], dc * f
    return {"W": dW, "b": db, "h0": dh, "c0": dc, "x": dx}
