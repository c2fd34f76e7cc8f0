# expect: 0
# says: float32 inside
# The loss alone is rounded to float32: a mean of losses, as a progress bar wants it.
import numpy as np
X = np.random.RandomState(0).randn(7, 2)
inputs = {"w": np.array([0.7, -0.2])}
def loss(i): return np.float32(np.log1p(np.exp(-(X @ np.asarray(i["w"], float)))).mean())
def gradients(i):
    z = X @ np.asarray(i["w"], float)
    return {"w": -(X / (1 + np.exp(z))[:, None]).mean(axis=0)}
