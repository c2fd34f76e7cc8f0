# expect: 1
# The two fields of the named tuple's gradient have one shape, and are exchanged.
from typing import NamedTuple
import numpy as np
class P(NamedTuple):
    w: object
    b: object
inputs = {"p": P(np.array([0.5, -0.3]), np.array([0.2, 0.9]))}
def loss(i): return np.sum(i["p"].w ** 2 * i["p"].b)
def gradients(i): return {"p": P(i["p"].w ** 2, 2 * i["p"].w * i["p"].b)}
