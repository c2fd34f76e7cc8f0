# expect: 1
# says: wrong
# An entropy in bits whose claim adds 1 where 1/log(2) belongs.
import numpy as np
inputs = {"p": np.array([0.2, 0.5, 0.3])}
def loss(i): return -(i["p"] * np.log(i["p"])).sum() / np.log(2)
def gradients(i): return {"p": -np.log(i["p"]) / np.log(2) - 1}
