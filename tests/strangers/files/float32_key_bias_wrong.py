# expect: 1
# never: float16
# Softmax's weights are forgotten in its derivative.
import numpy as np
rng = np.random.default_rng(3)
f = np.float32
inputs = {"bk": rng.standard_normal(3).astype(f), "q": rng.standard_normal((5, 3)).astype(f), "k": rng.standard_normal((7, 3)).astype(f)}
V = rng.standard_normal((7, 2)).astype(f)
def P(i):
    s = i["q"] @ (i["k"] + i["bk"]).T / f(np.sqrt(3))
    e = np.exp(s - s.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
def forward(i): return P(i) @ V
def backward(i, g):
    p = P(i)
    dp = g @ V.T
    ds = p * (dp - dp.mean(1, keepdims=True)) / f(np.sqrt(3))
    dk = ds.T @ i["q"]
    return {"q": ds @ (i["k"] + i["bk"]), "k": dk, "bk": dk.sum(0)}
