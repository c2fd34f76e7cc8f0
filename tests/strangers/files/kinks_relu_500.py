# expect: 0
# Five hundred numbers through relu and a weight, float-only.
import numpy as np
r = np.random.default_rng(11)
w = r.normal(size=500)
inputs = {"x": r.normal(size=500)}
def loss(i): return float(w @ np.maximum(np.asarray(i["x"], float), 0))
def gradients(i): return {"x": w * (np.asarray(i["x"], float) > 0)}
