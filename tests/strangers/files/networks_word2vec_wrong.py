# expect: 1
# The negative samples are a set in the claim, so the one that was drawn twice counts once.
import numpy as np
centre, context, negatives = 2, 4, [0, 1, 1]
def inputs(rng): return {"U": rng.normal(size=(6, 3)), "V": rng.normal(size=(6, 3))}
def sig(a): return 1.0 / (1.0 + np.exp(-a))
def loss(i):
    v = i["V"][centre]
    return -np.log(sig(i["U"][context] @ v)) - sum(np.log(sig(-(i["U"][n] @ v))) for n in negatives)
def gradients(i):
    dU, dV = np.zeros_like(i["U"]), np.zeros_like(i["V"])
    v = i["V"][centre]
    g = sig(i["U"][context] @ v) - 1
    dV[centre] += g * i["U"][context]
    dU[context] += g * v
    for n in set(negatives):
        g = sig(i["U"][n] @ v)
        dV[centre] += g * i["U"][n]
        dU[n] += g * v
    return {"U": dU, "V": dV}
