# expect: 1
# A file that is called random, and wrong.
import random
import numpy as np
inputs={"x":np.array([0.5,-1.5,0.3])}
def loss(i): return (i["x"]**3).sum()
def gradients(i): return {"x":3*i["x"]}
