# An RNN on embedded symbols, buffers from np.zeros, a mask that keeps the state of the step before.
# slip: + dh * (1 - mask[t]) =>  ¦ dropped ¦ h[t + 1] = mask[t]
# slip: dnew = dh * mask[t] => dnew = dh ¦ factor missing ¦ h[t + 1] = mask[t]
# slip: de[IDX[t]] += da => de[IDX[t]] = da ¦ last step left out ¦ + x + p["b"]
import numpy as np
T, H = 4, 3
def inputs(rng): return {"W": rng.standard_normal((H, H)), "b": rng.standard_normal(H), "emb": rng.standard_normal((5, H))}
IDX = [0, 3, 1, 3]
def run(p):
    h = np.zeros((T + 1, H)); mask = np.array([1., 1., 0., 1.])
    for t in range(T):
        x = p["emb"][IDX[t]]
        new = np.empty(H)
        np.tanh(p["W"].dot(h[t]) + x + p["b"], out=new)
        h[t + 1] = mask[t] * new + (1 - mask[t]) * h[t]
    return h, mask
def loss(p):
    h, _ = run(p)
    return np.sum(h[1:] ** 3) / 3
def gradients(p):
    h, mask = run(p)
    dW, db, de = np.zeros((H, H)), np.zeros(H), np.zeros((5, H))
    dn = np.zeros(H)
    for t in range(T)[::-1]:
        dh = h[t + 1] ** 2 + dn
        dnew = dh * mask[t]
        new = np.tanh(p["W"].dot(h[t]) + p["emb"][IDX[t]] + p["b"])
        da = dnew * (1 - new ** 2)
        dW += np.outer(da, h[t]); db += da; de[IDX[t]] += da
        dn = p["W"].T.dot(da) + dh * (1 - mask[t])
    return {"W": dW, "b": db, "emb": de}
