# expect: 0
# An unbiased variance, x.var(ddof=1), of five numbers.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3, 2.2, 0.9])}
def loss(i):
    x = i["x"]
    return ((x - x.mean()) ** 2).sum() / (len(x) - 1)
def gradients(i):
    x = i["x"]
    return {"x": 2 * (x - np.mean(x)) / 4.0}
