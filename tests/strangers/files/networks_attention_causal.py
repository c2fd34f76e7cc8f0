# expect: 0
# Causal self-attention in JAX with -1e9 for the mask, a head size of 3.
import jax
import jax.numpy as jnp
import numpy as np
def inputs(rng): return {"q": rng.normal(size=(4, 3)), "k": rng.normal(size=(4, 3)), "v": rng.normal(size=(4, 2))}
mask = np.tril(np.ones((4, 4), bool))
def probs(i): return jax.nn.softmax(jnp.where(mask, i["q"] @ i["k"].T / jnp.sqrt(3.0), -1e9), axis=-1)
def forward(i): return probs(i) @ i["v"]
def backward(i, bar):
    p = probs(i)
    dp = bar @ i["v"].T
    ds = p * (dp - jnp.sum(p * dp, -1, keepdims=True)) / 3 ** 0.5
    return {"q": ds @ i["k"], "k": ds.T @ i["q"], "v": p.T @ bar}
