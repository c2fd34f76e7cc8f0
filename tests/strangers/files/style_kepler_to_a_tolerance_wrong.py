# expect: 1
# Kepler's equation by Newton's method until a step is small, and the gradient by the implicit function theorem, at M in one place for E.
import numpy as np
inputs = {"e": np.array([0.3, 0.6]), "M": np.array([1.1, 2.3])}
def solve(e, M):
    E = M + e * np.sin(M)
    for _ in range(50):
        d = (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
        E = E - d
        if np.max(np.abs(d)) < 1e-10: break
    return E
def forward(i): return solve(i["e"], i["M"])
def backward(i, bar):
    E = solve(i["e"], i["M"])
    slope = bar / (1 - i["e"] * np.cos(E))
    return {"e": slope * np.sin(i["M"]), "M": slope}
