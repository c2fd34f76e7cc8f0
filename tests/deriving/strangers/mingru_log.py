"""minGRU (Feng et al. 2024) as the paper's step, JAX; g keeps the state positive."""
import jax
import jax.numpy as jnp


def inputs(rng):
    B, T, D, H = 2, 4, 3, 2
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"Wz": n(D, H), "Wh": n(D, H), "x": n(B, T, D), "h0": abs(n(B, H))}


def g(x):
    return jnp.where(x >= 0, x + 0.5, jax.nn.sigmoid(x))


def forward(p):
    h, hs = p["h0"], []
    for t in range(p["x"].shape[1]):
        k = p["x"][:, t] @ p["Wz"]
        z = jax.nn.sigmoid(k)
        h_tilde = g(p["x"][:, t] @ p["Wh"])
        h = (1 - z) * h + z * h_tilde
        hs.append(h)
    return jnp.stack(hs, 1)
