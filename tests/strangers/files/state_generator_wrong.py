# expect: 1
# The coroutine forgets the product rule.
import numpy as np
def op(x):
    y = np.sin(x)
    bar = yield y * x
    yield bar * x * np.cos(x)
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i): return next(op(i["x"]))
def backward(i, bar):
    g = op(i["x"])
    next(g)
    return {"x": g.send(bar)}
