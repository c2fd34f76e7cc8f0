# expect: 0
# Simpson's rule with weights over 3, of a parametrised integrand.
import numpy as np
x = np.linspace(0, 1, 7)
wts = np.array([1, 4, 2, 4, 2, 4, 1]) * (1 / 6) / 3
inputs = {"a": np.array(0.8), "k": np.array(2.3)}
def loss(i): return (wts * i["a"] * np.sin(i["k"] * x)).sum()
def gradients(i): return {"a": np.sum([1, 4, 2, 4, 2, 4, 1] * np.sin(i["k"] * x)) / 18, "k": i["a"] * np.sum([1, 4, 2, 4, 2, 4, 1] * x * np.cos(i["k"] * x)) / 18}
