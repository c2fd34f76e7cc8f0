# A linear-chain CRF: the loss is log Z less the score of the labels; its gradient by forward and backward messages.
# slip: beta[t] = lse(trans + emit[t + 1] + beta[t + 1], 1) => beta[t] = lse(trans + beta[t + 1], 1) ¦ log-space term missing ¦ alpha = lse(alpha[:, None] + p["trans"], 0) + p["emit"][t]
# slip: xi = np.exp(alpha[t][:, None] + trans + emit[t + 1] + beta[t + 1] - logZ) => xi = np.exp(alpha[t][:, None] + trans + beta[t + 1] - logZ) ¦ log-space term missing ¦ alpha = lse(alpha[:, None] + p["trans"], 0) + p["emit"][t]
import numpy as np

LABELS = [2, 0, 1, 1]


def inputs(rng):
    return {"emit": rng.standard_normal((4, 3)), "trans": rng.standard_normal((3, 3))}


def lse(m, axis):
    top = m.max(axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(m - top).sum(axis))


def loss(p):
    alpha = p["emit"][0]
    score = p["emit"][0][LABELS[0]]
    for t in range(1, 4):
        alpha = lse(alpha[:, None] + p["trans"], 0) + p["emit"][t]
        score = score + p["trans"][LABELS[t - 1], LABELS[t]] + p["emit"][t][LABELS[t]]
    return lse(alpha, 0) - score


def gradients(p):
    emit, trans = p["emit"], p["trans"]
    alpha, beta = np.zeros((4, 3)), np.zeros((4, 3))
    alpha[0] = emit[0]
    for t in range(1, 4):
        alpha[t] = lse(alpha[t - 1][:, None] + trans, 0) + emit[t]
    for t in (2, 1, 0):
        beta[t] = lse(trans + emit[t + 1] + beta[t + 1], 1)
    logZ = lse(alpha[-1], 0)
    demit, dtrans = np.zeros((4, 3)), np.zeros((3, 3))
    for t in range(4):
        demit[t] = np.exp(alpha[t] + beta[t] - logZ)
        demit[t, LABELS[t]] -= 1
    for t in range(3):
        xi = np.exp(alpha[t][:, None] + trans + emit[t + 1] + beta[t + 1] - logZ)
        dtrans += xi
        dtrans[LABELS[t], LABELS[t + 1]] -= 1
    return {"emit": demit, "trans": dtrans}
