# expect: 1
# The claim integrates by the trapezoidal rule.
import numpy as np
x = np.linspace(0, 1, 7)
wts = np.array([1, 4, 2, 4, 2, 4, 1]) * (1 / 6) / 3
inputs = {"a": np.array(0.8), "k": np.array(2.3)}
def loss(i): return (wts * i["a"] * np.sin(i["k"] * x)).sum()
def gradients(i):
    t = np.array([1, 2, 2, 2, 2, 2, 1]) / 12
    return {"a": np.sum(t * np.sin(i["k"] * x)), "k": i["a"] * np.sum(t * x * np.cos(i["k"] * x))}
