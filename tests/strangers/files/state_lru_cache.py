# expect: 0
# The forward is memoised by the bytes of its inputs.
import functools
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
@functools.lru_cache(maxsize=8)
def slow(raw): return np.sinh(np.frombuffer(raw))
def forward(i): return slow(np.asarray(i["x"], float).tobytes())
def backward(i, bar): return {"x": np.asarray(bar, float) * np.cosh(np.asarray(i["x"], float))}
