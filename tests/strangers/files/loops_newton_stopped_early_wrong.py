# expect: 1
# says: A hint: the claim agrees to 11 digits, and the values decide when the loop at loops_newton_stopped_early_wrong.py:11 ends
# Roots of y³ + a·y = x by Newton's method, left as soon as a step is below 1e-4, and the gradient by the implicit function theorem.
import numpy as np
rng = np.random.default_rng(0)
inputs = {"x": rng.normal(size=7), "a": 1 + rng.random(7)}
def root(x, a):
    y = x / (1 + a)
    # NumPy's float64

    for _ in range(100):
        step = (y**3 + a * y - x) / (3 * y**2 + a)
        y = y - step
        if np.max(np.abs(step)) < 1e-4:
            break
    return y
def forward(p): return root(p["x"], p["a"])
def backward(p, dy):
    y = root(p["x"], p["a"])
    dx = dy / (3 * y**2 + p["a"])
    return {"x": dx, "a": -dx * y}
