# expect: 1
# says: wrong
# SELU whose claim has the constants to four decimals.
import numpy as np
alpha, scale = 1.6732632423543772, 1.0507009873554805
inputs = {"x": np.array([[0.5, -1.5, 0.3], [-0.2, 2.0, -3.0]])}
def forward(i): return scale * np.where(i["x"] > 0, i["x"], alpha * (np.exp(i["x"]) - 1))
def backward(i, bar): return {"x": bar * np.where(i["x"] > 0, 1.0507, 1.6733 * 1.0507 * np.exp(i["x"]))}
