# expect: 0
# never: oracles not used: claim in balls
# Salaries of a million: np.array([np.mean(...), np.mean(...)]) as a gradient.
import numpy as np
rng = np.random.default_rng(0)
inputs = {"salary": 1e6 * rng.random(5) + 3e4, "rate": np.array([0.11, 0.23])}
def loss(i):
    s = i["salary"]
    return np.mean((s * (1 - i["rate"][0]) - i["rate"][1] * np.sqrt(s)) ** 2)
def gradients(i):
    s, (a, b) = i["salary"], i["rate"]
    r = s * (1 - a) - b * np.sqrt(s)
    return {"salary": 2 * r * ((1 - a) - b / (2 * np.sqrt(s))) / 5, "rate": np.array([np.mean(-2 * r * s), np.mean(-2 * r * np.sqrt(s))])}
