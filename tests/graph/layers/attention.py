# A layer object: scaled dot-product attention, a softmax, a concatenation.
# slip: ds = a * (da - (a * da).sum(axis=1, keepdims=True)) => ds = a * (1 - a) * da ¦ dropped ¦ c = np.einsum
# slip: dq = dq + dqw @ => dq = dqw @ ¦ dropped ¦ return np.concatenate
# slip: dqw @ self.p["Wq"].T => dqw @ self.p["Wq"] ¦ transposed ¦ s = np.einsum
# slip: dc, dq = dcat[:, :H], dcat[:, H:] => dc, dq = dcat[:, H:], dcat[:, :H] ¦ blocks in another order ¦ return np.concatenate
import numpy as np
B, S, H, K = 2, 3, 4, 5
class Attn:
    def __init__(self, p): self.p = p
    def forward(self, q, k, v):
        s = np.einsum("bh,bsh->bs", q @ self.p["Wq"], k) / np.sqrt(H)
        s = s - s.max(axis=1, keepdims=True)
        a = np.exp(s); a = a / a.sum(axis=1, keepdims=True)
        c = np.einsum("bs,bsh->bh", a, v)
        self.cache = q, k, v, a
        return np.concatenate([c, q], axis=1) @ self.p["Wo"]
    def backward(self, dy):
        q, k, v, a = self.cache
        c = np.einsum("bs,bsh->bh", a, v)
        cat = np.concatenate([c, q], axis=1)
        dWo = cat.T @ dy
        dcat = dy @ self.p["Wo"].T
        dc, dq = dcat[:, :H], dcat[:, H:]
        da = np.einsum("bh,bsh->bs", dc, v)
        dv = np.einsum("bs,bh->bsh", a, dc)
        ds = a * (da - (a * da).sum(axis=1, keepdims=True)) / np.sqrt(H)
        dk = np.einsum("bs,bh->bsh", ds, q @ self.p["Wq"])
        dqw = np.einsum("bs,bsh->bh", ds, k)
        dWq = q.T @ dqw
        dq = dq + dqw @ self.p["Wq"].T
        return {"q": dq, "k": dk, "v": dv, "Wq": dWq, "Wo": dWo}
def inputs(rng):
    return {"q": rng.standard_normal((B, H)), "k": rng.standard_normal((B, S, H)), "v": rng.standard_normal((B, S, H)), "Wq": rng.standard_normal((H, H)), "Wo": rng.standard_normal((2 * H, K))}
net = {}
def forward(i):
    net["l"] = Attn({"Wq": i["Wq"], "Wo": i["Wo"]})
    return net["l"].forward(i["q"], i["k"], i["v"])
def backward(i, dy):
    return net["l"].backward(dy)
