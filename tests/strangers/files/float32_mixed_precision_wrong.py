# expect: 1
# Mixed precision, and a mean over the batch alone where all elements are averaged.
import numpy as np
X = np.random.RandomState(3).randn(5, 2)
inputs = {"w": np.array([[0.4, -0.6, 0.2], [0.9, 0.3, -0.5]])}
def loss(i):
    y = (X.astype("f4") @ i["w"].astype("f4")).astype("f8")
    return (y ** 2).mean()
def gradients(i): return {"w": 2 * X.T @ (X @ np.asarray(i["w"], float)) / 5}
