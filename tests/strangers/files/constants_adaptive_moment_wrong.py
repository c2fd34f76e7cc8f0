# expect: 1
# Bias correction of a moving average by 1 - 0.9**t; the claim takes t one too large.
import numpy as np
inputs = {"g": np.array([0.5, -1.5, 0.3])}
def loss(i):
    m = 0.0
    for g in i["g"]: m = 0.9 * m + 0.1 * g
    return (m / (1 - 0.9 ** 3)) ** 2
def gradients(i):
    w = 0.1 * np.array([0.81, 0.9, 1.0])
    m = (w * i["g"]).sum()
    return {"g": 2 * m * w / (1 - 0.9 ** 4) ** 2}
