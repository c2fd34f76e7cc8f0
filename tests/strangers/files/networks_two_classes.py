# expect: 1
# says: ::right: exact gradient
# says: ::wrong: wrong
# Two derivations in one file, one of them wrong.
import numpy as np
class right:
    inputs = {"x": np.array([0.3, 0.5])}
    def loss(i): return np.prod(i["x"])
    def gradients(i): return {"x": i["x"][::-1]}
class wrong:
    inputs = {"x": np.array([0.3, 0.5])}
    def loss(i): return np.prod(i["x"])
    def gradients(i): return {"x": i["x"]}
