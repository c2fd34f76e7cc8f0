# expect: 1 or 2
# never: exact gradient
# The memoised array is doubled in place by backward, so that every forward after it returns twice as much.
import functools
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
@functools.lru_cache(maxsize=8)
def slow(raw): return np.exp(np.frombuffer(raw))
def forward(i): return slow(np.asarray(i["x"], float).tobytes())
def backward(i, bar):
    y = forward(i)
    y *= 2
    return {"x": np.asarray(bar, float) * y / 2}
