# edge: s[t] = np.tanh(U.dot(x[t]) + W.dot(s[t - 1]))
# edit: activation's derivative missing
# A language model over words given as numbers, no biases: the carry to the step before forgets 1 - s².
import numpy as np

words, following = [0, 2, 1, 3], [2, 1, 3, 0]


def inputs(rng):
    return {"U": rng.uniform(-1, 1, (3, 4)), "V": rng.uniform(-1, 1, (4, 3)), "W": rng.uniform(-1, 1, (3, 3))}


def propagate(p):
    U, V, W, x = p["U"], p["V"], p["W"], np.eye(4)[words]
    s, o = np.zeros((len(x) + 1, 3)), np.zeros((len(x), 4))
    for t in range(len(x)):
        s[t] = np.tanh(U.dot(x[t]) + W.dot(s[t - 1]))
        e = np.exp(V.dot(s[t]))
        o[t] = e / e.sum()
    return s, o, x


def loss(p):
    o = propagate(p)[1]
    return -np.sum(np.log(o[np.arange(4), following]))


def gradients(p):
    s, o, x = propagate(p)
    dU, dV, dW = np.zeros_like(p["U"]), np.zeros_like(p["V"]), np.zeros_like(p["W"])
    o[np.arange(4), following] -= 1
    carry = np.zeros(3)
    for t in np.arange(4)[::-1]:
        dV += np.outer(o[t], s[t])
        delta = (p["V"].T.dot(o[t]) + carry) * (1 - s[t] ** 2)
        dU += np.outer(delta, x[t])
        dW += np.outer(delta, s[t - 1])
        carry = p["W"].T.dot(p["V"].T.dot(o[t]) + carry)
    return {"U": dU, "V": dV, "W": dW}
