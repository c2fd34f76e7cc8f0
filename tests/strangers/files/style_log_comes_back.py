# expect: 1
# says: leaves the graph
# A number that is read by a library comes back, far below the loss's last bit: no graph is believed, and values tell.
import statistics
import numpy as np
inputs = {"x": np.array([0.3, -0.7, 1.1])}
def loss(i): return (i["x"] ** 2).sum() + 0.5 * statistics.fmean(i["x"])
def gradients(i): return {"x": 2 * i["x"]}
