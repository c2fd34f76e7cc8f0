# expect: 1
# never: right when x is zero
# never: right when w is zero
# A product: where either factor is zero all vanishes.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3]), "w": np.array([0.9, 0.2, -0.7])}
def loss(i): return np.sum(i["x"] ** 2 * i["w"] ** 2)
def gradients(i): return {"x": 2 * i["x"] * i["w"] ** 2, "w": 5 * i["x"] ** 2 * i["w"]}
