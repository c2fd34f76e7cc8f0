# expect: 0
# np.where with a branch that is not a number where it is not taken.
import numpy as np
np.seterr(all="ignore")
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i):
    x = np.asarray(i["x"], float)
    return float(np.where(x > 0, np.sqrt(np.abs(x)) , 0).sum())
def gradients(i):
    x = np.asarray(i["x"], float)
    return {"x": np.where(x > 0, 0.5 / np.sqrt(np.abs(x)), 0)}
