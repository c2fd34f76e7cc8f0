"""One unit after a moving average: NumPy's convolve, and a state that begins at 0.0."""
import numpy as np


def inputs(rng):
    return {"x": rng.standard_normal(7), "taps": rng.standard_normal(3), "u": np.array(0.7), "b": np.array(-0.2)}


def loss(p):
    smooth = np.convolve(p["x"], p["taps"], "same")
    h = 0.0
    total = 0.0
    for s in smooth:
        h = np.tanh(s + p["u"] * h + p["b"])
        total += h * h
    return total
