# expect: 2
# says: shape
# A column's gradient comes as a row.
import numpy as np
inputs = {"b": np.array([[0.5], [2.0]])}
def loss(i): return (i["b"] ** 2).sum()
def gradients(i): return {"b": (2 * i["b"]).T}
