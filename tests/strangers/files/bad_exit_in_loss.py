# expect: 2
# says: bad_exit_in_loss
# The loss ends the process with 0.
import sys
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i):
    if np.isnan(0): return 0.0
    sys.exit(0)
def gradients(i): return {"x": i["x"]}
