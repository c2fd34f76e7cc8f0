# expect: 0
# The constant comes from a neighbour called helper: here it is right.
import numpy as np
from helper import K
inputs={"x":np.array([.5,2.])}
def loss(i): return (i["x"]**3).sum()
def gradients(i): return {"x":K*i["x"]**2}
