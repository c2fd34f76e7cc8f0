# expect: 0
# Huber's loss with delta 0.8, a mean over five.
import numpy as np
inputs = {"r": np.array([0.5, -1.5, 0.3, 2.5, -0.79])}
def loss(i):
    a = np.abs(i["r"])
    return np.where(a < 0.8, 0.5 * a ** 2, 0.8 * (a - 0.4)).mean()
def gradients(i): return {"r": np.clip(i["r"], -0.8, 0.8) / 5}
