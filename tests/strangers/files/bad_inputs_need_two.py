# expect: 2
# inputs wants two arguments.
import numpy as np
def inputs(rng, size): return {"x": rng.normal(size=size)}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
