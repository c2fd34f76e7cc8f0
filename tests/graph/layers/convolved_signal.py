# A signal filtered by np.convolve, then a leaky integrator.
# slip: ds = np.convolve(du, p["k"][::-1], "valid") => ds = np.convolve(du, p["k"], "valid") ¦ reversed ¦ u = np.convolve(
# slip: dk = np.correlate(du, p["s"], "valid") => dk = np.correlate(du, p["s"], "valid")[::-1] ¦ reversed in time ¦ u = np.convolve(
import numpy as np


def inputs(rng):
    return {"s": rng.standard_normal(7), "k": rng.standard_normal(3), "a": rng.standard_normal()}


def run(p):
    u = np.convolve(p["s"], p["k"], "full")
    y, ys = 0.0, []
    for v in u:
        y = np.tanh(p["a"] * y + v)
        ys.append(y)
    return np.array(ys)


def loss(p):
    return np.sum(run(p) ** 2)


def gradients(p):
    ys = run(p)
    du, da, dy = np.zeros(9), 0.0, 0.0
    for t in range(8, -1, -1):
        dy = dy + 2 * ys[t]
        du[t] = dy * (1 - ys[t] ** 2)
        da += du[t] * (ys[t - 1] if t else 0.0)
        dy = du[t] * p["a"]
    ds = np.convolve(du, p["k"][::-1], "valid")
    dk = np.correlate(du, p["s"], "valid")
    return {"s": ds, "k": dk, "a": da}
