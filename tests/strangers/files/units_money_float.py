# expect: 0
# Salaries of a million beside rates: the model of rounding alone would see nothing.
import numpy as np
rng = np.random.default_rng(0)
inputs = {"salary": 1e6 * rng.random(5) + 3e4, "rate": np.array([0.11, 0.23])}
def loss(i):
    s, (a, b) = np.array(i["salary"], float), np.array(i["rate"], float)
    return float(np.mean((s * (1 - a) - b * np.sqrt(s)) ** 2))
def gradients(i):
    s, (a, b) = np.array(i["salary"], float), np.array(i["rate"], float)
    r = s * (1 - a) - b * np.sqrt(s)
    return {"salary": 2 * r * ((1 - a) - b / (2 * np.sqrt(s))) / 5, "rate": np.array([np.mean(-2 * r * s), np.mean(-2 * r * np.sqrt(s))])}
