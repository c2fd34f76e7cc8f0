# expect: 0
# relu of numbers among which zero is: any slope from 0 to 1 may be taken there.
import numpy as np
inputs = {"x": np.array([0.0, 1.0, -2.0, 0.0])}
def loss(i): return (np.maximum(i["x"], 0) * np.array([1.0, 2, 3, 4])).sum()
def gradients(i): return {"x": (i["x"] > 0) * np.array([1.0, 2, 3, 4])}
