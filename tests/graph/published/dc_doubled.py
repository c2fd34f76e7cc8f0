# edge: c[t] = f[t] * c[t - 1] + (1 - f[t]) * g[t]
# edit: doubled
# A coupled cell over a dict of lists, scalars in a loop: `dc += dc` where a new contribution was to be added.
import math

import numpy as np


def inputs(rng):
    return {"a": rng.standard_normal((2,)), "b": rng.standard_normal((2,)), "x": rng.standard_normal((4,))}


def run(p):
    a, b, x = p["a"], p["b"], p["x"]
    f, g, c = {}, {}, {-1: 0.3}
    for t in range(4):
        f[t] = 1 / (1 + math.exp(-(a[0] * x[t] + a[1])))
        g[t] = math.tanh(b[0] * x[t] + b[1])
        c[t] = f[t] * c[t - 1] + (1 - f[t]) * g[t]
    return f, g, c


def loss(p):
    return run(p)[2][3] ** 2


def gradients(p):
    f, g, c = run(p)
    da, db, dx = np.zeros(2), np.zeros(2), np.zeros(4)
    dc = 2 * c[3]
    for t in (3, 2, 1, 0):
        df = dc * (c[t - 1] - g[t]) * f[t] * (1 - f[t])
        dg = dc * (1 - f[t]) * (1 - g[t] ** 2)
        da += df * np.array([p["x"][t], 1])
        db += dg * np.array([p["x"][t], 1])
        dx[t] = df * p["a"][0] + dg * p["b"][0]
        dc *= f[t]
        dc += dc
    return {"a": da, "b": db, "x": dx}
