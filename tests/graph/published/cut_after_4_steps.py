# edge: s[t] = np.tanh(U[:, word] + W.dot(s[t - 1]))
# edit: cut after 4 steps
# The well-known tutorial's two loops with bptt_truncate = 4, embeddings by a column of U.
import numpy as np

sentence = [1, 0, 2, 3, 1, 2, 0, 3, 2]
bptt_truncate = 4


def inputs(rng):
    return {"U": rng.uniform(-1, 1, (3, 4)), "V": rng.uniform(-1, 1, (4, 3)), "W": rng.uniform(-1, 1, (3, 3))}


def forward_propagation(p):
    U, V, W, T = p["U"], p["V"], p["W"], len(sentence) - 1
    s, o = np.zeros((T + 1, 3)), np.zeros((T, 4))
    for t in range(T):
        word = sentence[t]
        s[t] = np.tanh(U[:, word] + W.dot(s[t - 1]))
        e = np.exp(V.dot(s[t]))
        o[t] = e / np.sum(e)
    return o, s


def loss(p):
    o, s = forward_propagation(p)
    return -sum(np.log(o[t, sentence[t + 1]]) for t in range(len(o)))


def gradients(p):
    o, s = forward_propagation(p)
    dU, dV, dW = (np.zeros(p[k].shape) for k in "UVW")
    for t in np.arange(len(o))[::-1]:
        o[t, sentence[t + 1]] -= 1
        dV += np.outer(o[t], s[t])
        delta_t = p["V"].T.dot(o[t]) * (1 - s[t] ** 2)
        for step in np.arange(max(0, t - bptt_truncate), t + 1)[::-1]:
            dW += np.outer(delta_t, s[step - 1])
            dU[:, sentence[step]] += delta_t
            delta_t = p["W"].T.dot(delta_t) * (1 - s[step - 1] ** 2)
    return {"U": dU, "V": dV, "W": dW}
