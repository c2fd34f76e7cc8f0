# expect: 1
# The rows are gathered in reverse by the claim.
from concurrent.futures import ThreadPoolExecutor
import numpy as np
inputs = {"x": np.array([[0.5, 2.0], [0.1, -0.7], [1.0, 0.3]])}
def forward(i):
    with ThreadPoolExecutor(2) as pool: return np.stack(list(pool.map(np.sin, i["x"])))
def backward(i, bar): return {"x": (bar * np.cos(i["x"]))[::-1]}
