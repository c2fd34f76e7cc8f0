# expect: 1
# The claim divides zero by zero in one element.
import numpy as np
np.seterr(all="ignore")
inputs = {"x": np.array([0.5, 0.0, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": np.asarray(2 * i["x"] ** 2 / i["x"])}
