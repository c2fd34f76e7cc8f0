# expect: 0
# A linear-chain CRF's normaliser by scipy's logsumexp, forward-backward for its gradient.
import numpy as np
from scipy.special import logsumexp
T, K = 4, 3
def inputs(rng): return {"emit": rng.normal(size=(T, K)), "trans": rng.normal(size=(K, K))}
def alphas(e, tr):
    a = [e[0]]
    for t in range(1, T): a.append(logsumexp(a[-1][:, None] + tr, axis=0) + e[t])
    return a
def loss(i): return float(logsumexp(alphas(np.asarray(i["emit"], float), np.asarray(i["trans"], float))[-1]))
def gradients(i):
    e, tr = np.asarray(i["emit"], float), np.asarray(i["trans"], float)
    a = alphas(e, tr)
    Z, b = logsumexp(a[-1]), np.zeros(K)
    de, dt = np.zeros((T, K)), np.zeros((K, K))
    for t in reversed(range(T)):
        de[t] = np.exp(a[t] + b - Z)
        if t:
            dt += np.exp(a[t - 1][:, None] + tr + e[t] + b - Z)
            b = logsumexp(tr + e[t] + b, axis=1)
    return {"emit": de, "trans": dt}
