# expect: 0
# forward is a generator that waits for its cotangent: a coroutine as a tape.
import numpy as np
def op(x):
    y = np.sin(x)
    bar = yield y * x
    yield bar * (y + x * np.cos(x))
running = None
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def forward(i):
    global running
    running = op(i["x"])
    return next(running)
def backward(i, bar):
    g = op(i["x"])
    next(g)
    return {"x": g.send(bar)}
