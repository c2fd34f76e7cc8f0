# expect: 0
# GARCH(1,1) of daily returns, 252 days a year.
import numpy as np
r = np.array([0.012, -0.034, 0.008, 0.021, -0.005, 0.017, -0.028, 0.002, 0.011])
inputs = {"omega": np.array(2e-5), "alpha": np.array(0.09), "beta": np.array(0.88)}
def loss(p):
    s2 = 0.18 ** 2 / 252
    L = 0.0
    for x in r:
        L += 0.5 * (np.log(2 * np.pi) + np.log(s2) + x ** 2 / s2)
        s2 = p["omega"] + p["alpha"] * x ** 2 + p["beta"] * s2
    return L
def gradients(p):
    s2 = 0.18 ** 2 / 252
    d = np.zeros(3)
    g = np.zeros(3)
    for x in r:
        g += 0.5 * (1 / s2 - x ** 2 / s2 ** 2) * d
        d = np.array([1.0, x ** 2, s2]) + p["beta"] * d
        s2 = p["omega"] + p["alpha"] * x ** 2 + p["beta"] * s2
    return {"omega": g[0], "alpha": g[1], "beta": g[2]}
