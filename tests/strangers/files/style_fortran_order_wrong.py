# expect: 1
# A gradient that was raveled in Fortran's order and reshaped in C's.
import numpy as np
r = np.random.default_rng(0)
inputs = {"F": np.asfortranarray(r.normal(size=(3, 4)))}
def loss(i): return np.sum(np.sin(i["F"]))
def gradients(i): return {"F": np.cos(i["F"]).ravel(order="F").reshape(3, 4)}
