# expect: 0
# Two thousand normal numbers through relu, float-only: some lie within any step of the kink.
import numpy as np
inputs = {"x": np.random.default_rng(0).standard_normal(2000)}
def loss(i): return float(np.maximum(np.asarray(i["x"], float), 0).sum())
def gradients(i): return {"x": (np.asarray(i["x"], float) > 0) * 1.0}
