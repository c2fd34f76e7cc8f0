# expect: 1 or 2
# never: exact gradient
# exp at the edge of what a float holds, on one side of a step it overflows; the claim is doubled.
import numpy as np
inputs = {"x": np.array([709.78, 1.0])}
def loss(i): return float(np.exp(np.asarray(i["x"], float)).sum() * 1e-300)
def gradients(i): return {"x": 2e-300 * np.exp(np.asarray(i["x"], float))}
