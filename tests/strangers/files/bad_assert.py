# expect: 2
# says: AssertionError
# An assertion without a text fails in the gradients.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i):
    assert False
