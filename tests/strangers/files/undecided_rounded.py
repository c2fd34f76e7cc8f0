# expect: 1 or 2
# never: exact gradient
# The loss is rounded to four decimals before it is returned, and the gradient is a thousand times too large.
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i): return round(float(np.sum(np.sin(np.asarray(i["x"], float)))) * 1e-7, 4)
def gradients(i): return {"x": 1e-4 * np.cos(np.asarray(i["x"], float))}
