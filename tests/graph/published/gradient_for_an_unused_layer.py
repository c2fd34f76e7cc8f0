# edge: return (first * second).sum()
# edit: a value where zero belongs
# Two layers of which the second reads x: a third is declared, has a gradient and takes part in nothing.
import numpy as np


def inputs(rng):
    return {"w1": rng.standard_normal((2, 3)), "w2": rng.standard_normal((2, 3)), "w3": rng.standard_normal((2, 3)), "x": rng.standard_normal((4, 2))}


def loss(p):
    first, second = np.sin(p["x"] @ p["w1"]), np.cos(p["x"] @ p["w2"])
    return (first * second).sum()


def gradients(p):
    x, a, b = p["x"], p["x"] @ p["w1"], p["x"] @ p["w2"]
    da, db = np.cos(a) * np.cos(b), -np.sin(a) * np.sin(b)
    return {"w1": x.T @ da, "w2": x.T @ db, "w3": x.T @ (da + db), "x": da @ p["w1"].T + db @ p["w2"].T}
