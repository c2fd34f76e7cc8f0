# edge: hs[t] = np.tanh(Wxh @ x[t] + Whh @ hs[t - 1] + bh)
# edit: factor missing
# An RNN of a blog's "from scratch" series: column vectors, dh goes back to the step before without Whh transposed.
import numpy as np

T, D, H = 5, 2, 3


def inputs(rng):
    return {"Wxh": rng.standard_normal((H, D)), "Whh": rng.standard_normal((H, H)), "bh": rng.standard_normal((H, 1)),
            "x": rng.standard_normal((T, D, 1)), "v": rng.standard_normal((H, 1))}


def steps(p):
    Wxh, Whh, bh, x = p["Wxh"], p["Whh"], p["bh"], p["x"]
    hs = {-1: np.zeros((H, 1))}
    for t in range(T):
        hs[t] = np.tanh(Wxh @ x[t] + Whh @ hs[t - 1] + bh)
    return hs


def loss(p):
    return np.sum(p["v"] * steps(p)[T - 1])


def gradients(p):
    hs = steps(p)
    d = {k: np.zeros_like(v) for k, v in p.items()}
    d["v"] = hs[T - 1]
    dh = p["v"]
    for t in reversed(range(T)):
        draw = (1 - hs[t] ** 2) * dh
        d["bh"] += draw
        d["Wxh"] += draw @ p["x"][t].T
        d["Whh"] += draw @ hs[t - 1].T
        d["x"][t] = p["Wxh"].T @ draw
        dh = draw
    return d
