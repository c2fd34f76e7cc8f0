# expect: 1
# The attention's softmax gradient is p * (1 - p), as if it were a sigmoid.
import jax
import jax.numpy as jnp
import numpy as np
def inputs(rng): return {"q": rng.normal(size=(4, 3)), "k": rng.normal(size=(4, 3)), "v": rng.normal(size=(4, 2))}
mask = np.tril(np.ones((4, 4), bool))
def probs(i): return jax.nn.softmax(jnp.where(mask, i["q"] @ i["k"].T / jnp.sqrt(3.0), -1e9), axis=-1)
def forward(i): return probs(i) @ i["v"]
def backward(i, bar):
    p = probs(i)
    ds = p * (1 - p) * (bar @ i["v"].T) / 3 ** 0.5
    return {"q": ds @ i["k"], "k": ds.T @ i["q"], "v": p.T @ bar}
