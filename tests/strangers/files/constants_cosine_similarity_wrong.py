# expect: 1
# The cosine's gradient forgets that the norms depend on their vectors.
import numpy as np
def inputs(rng): return {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(3, 4))}
def parts(i):
    na, nb = np.sqrt((i["a"] ** 2).sum(1, keepdims=True) + 1e-8), np.sqrt((i["b"] ** 2).sum(1, keepdims=True) + 1e-8)
    return na, nb, (i["a"] * i["b"]).sum(1, keepdims=True) / (na * nb)
def loss(i): return np.mean(1 - parts(i)[2])
def gradients(i):
    na, nb, _ = parts(i)
    return {"a": -i["b"] / (na * nb) / 3, "b": -i["a"] / (na * nb) / 3}
