# expect: 2
# An exception whose text cannot be had.
import numpy as np
class Sad(Exception):
    def __str__(self): raise RuntimeError("no words")
inputs = {"x": np.array([0.5, 2.0])}
def loss(i): raise Sad
def gradients(i): return {"x": i["x"]}
