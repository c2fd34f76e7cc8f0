# expect: 0
# A triplet loss in JAX, with jnp.maximum and a norm.
import jax.numpy as jnp
import numpy as np
r = np.random.default_rng(4)
inputs = {"a": r.normal(size=(5, 3)), "p": r.normal(size=(5, 3)), "n": r.normal(size=(5, 3))}
def loss(i):
    dp, dn = jnp.sum((i["a"] - i["p"]) ** 2, -1), jnp.sum((i["a"] - i["n"]) ** 2, -1)
    return jnp.mean(jnp.maximum(0.0, dp - dn + 0.2))
def gradients(i):
    dp, dn = jnp.sum((i["a"] - i["p"]) ** 2, -1), jnp.sum((i["a"] - i["n"]) ** 2, -1)
    on = ((dp - dn + 0.2) > 0)[:, None] * 0.4
    return {"a": on * (i["n"] - i["p"]), "p": -on * (i["a"] - i["p"]), "n": on * (i["a"] - i["n"])}
