# expect: 1
# says: what c hands back to c reads f at the wrong step
# States that are appended to a list are called as the list.
import numpy as np
T, H = 5, 3
def inputs(rng): return {"f": rng.uniform(.2, .8, (T, H)), "z": rng.standard_normal((T, H))}
def states(p):
    f, z, c = p["f"], p["z"], [np.zeros(H)]
    for t in range(T):
        c.append(f[t] * c[-1] + (1 - f[t]) * z[t])
    return c
def forward(p): return np.array(states(p)[1:])
def backward(p, d):
    f, z, c = p["f"], p["z"], states(p)
    df, dz, dc = np.zeros((T, H)), np.zeros((T, H)), np.zeros(H)
    for t in reversed(range(T)):
        dc = d[t] + dc * f[t]                          # f[t + 1] belongs (0 at the last)
        df[t] = dc * (c[t] - z[t]); dz[t] = dc * (1 - f[t])
    return {"f": df, "z": dz}
