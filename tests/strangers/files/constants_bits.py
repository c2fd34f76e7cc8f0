# expect: 0
# An entropy in bits: a logarithm to base 2, or a natural one over np.log(2).
import numpy as np
inputs = {"p": np.array([0.2, 0.5, 0.3])}
def loss(i): return -(i["p"] * np.log2(i["p"])).sum()
def gradients(i): return {"p": -np.log(i["p"]) / np.log(2) - 1 / np.log(2)}
