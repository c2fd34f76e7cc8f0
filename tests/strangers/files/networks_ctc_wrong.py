# expect: 1
# Posteriors of a symbol that occurs twice are written over.
import numpy as np
rng = np.random.default_rng(17)
inputs = {"logits": rng.standard_normal((6, 4))}
label = [1, 2, 2]
ext = [0, 1, 0, 2, 0, 2, 0]
def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True)); return e / e.sum(axis=1, keepdims=True)
def alphas(y):
    T, L = len(y), len(ext)
    al = np.zeros((T, L), dtype=y.dtype)
    al[0, 0], al[0, 1] = y[0, 0], y[0, ext[1]]
    for t in range(1, T):
        for s in range(L):
            a = al[t - 1, s]
            if s > 0: a = a + al[t - 1, s - 1]
            if s > 1 and ext[s] != 0 and ext[s] != ext[s - 2]: a = a + al[t - 1, s - 2]
            al[t, s] = a * y[t, ext[s]]
    return al
def betas(y):
    T, L = len(y), len(ext)
    be = np.zeros((T, L), dtype=y.dtype)
    be[-1, -1] = be[-1, -2] = 1
    for t in range(T - 2, -1, -1):
        for s in range(L):
            b = be[t + 1, s] * y[t + 1, ext[s]]
            if s + 1 < L: b = b + be[t + 1, s + 1] * y[t + 1, ext[s + 1]]
            if s + 2 < L and ext[s] != 0 and ext[s] != ext[s + 2]: b = b + be[t + 1, s + 2] * y[t + 1, ext[s + 2]]
            be[t, s] = b
    return be
def loss(i):
    al = alphas(softmax(i["logits"]))
    return -np.log(al[-1, -1] + al[-1, -2])
def gradients(i):
    y = softmax(i["logits"])
    al, be = alphas(y), betas(y)
    p = al[-1, -1] + al[-1, -2]
    post = np.zeros_like(y)
    for s, k in enumerate(ext):
        post[:, k] = al[:, s] * be[:, s] / p
    return {"logits": y - post}
