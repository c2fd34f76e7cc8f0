# expect: 2
# says: mapping
# A mapping of a file's own, with no cell.
import numpy as np
mapping = {"a": "b"}
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
