# expect: 1
# A square root's derivative without its half, beside a gradient packed of means.
import numpy as np
rng = np.random.default_rng(0)
inputs = {"salary": 1e6 * rng.random(5) + 3e4, "rate": np.array([0.11, 0.23])}
def loss(i):
    s = i["salary"]
    return np.mean((s * (1 - i["rate"][0]) - i["rate"][1] * np.sqrt(s)) ** 2)
def gradients(i):
    s, (a, b) = i["salary"], i["rate"]
    r = s * (1 - a) - b * np.sqrt(s)
    return {"salary": 2 * r * ((1 - a) - b / np.sqrt(s)) / 5, "rate": np.array([np.mean(-2 * r * s), np.mean(-2 * r * np.sqrt(s))])}
