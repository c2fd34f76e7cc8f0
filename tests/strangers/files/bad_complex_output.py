# expect: 2
# says: bad_complex_output
# The loss is complex, with an imaginary part that is not zero.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): return (np.asarray(i["x"], float) ** 2 * 1j).sum()
def gradients(i): return {"x": 2 * i["x"]}
