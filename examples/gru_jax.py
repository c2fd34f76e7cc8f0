"""A correct derivation in JAX: a GRU (reset gate before the product) with a loss, under `lax.scan` in both directions.

lstm-ref check examples/gru_jax.py
"""

import jax
import jax.numpy as jnp

T, B, D, H = 6, 2, 3, 4


def inputs(rng):
    """Dicts may be nested: the report names the leaves `kernel.z`, `kernel.r` …"""
    return {
        "kernel": {name: 0.5 * rng.standard_normal((D, H)) for name in "zrn"},
        "recurrent": {name: 0.5 * rng.standard_normal((H, H)) for name in "zrn"},
        "h0": 0.5 * rng.standard_normal((B, H)),
        "x": rng.standard_normal((T, B, D)),
    }


def step(inputs, h, x):
    W, U = inputs["kernel"], inputs["recurrent"]
    z = jax.nn.sigmoid(x @ W["z"] + h @ U["z"])
    r = jax.nn.sigmoid(x @ W["r"] + h @ U["r"])
    n = jnp.tanh(x @ W["n"] + (r * h) @ U["n"])
    return (1 - z) * n + z * h, (x, h, z, r, n)


def run(inputs):
    return jax.lax.scan(lambda h, x: step(inputs, h, x), inputs["h0"], inputs["x"])


def loss(inputs):
    h, _ = run(inputs)
    return jnp.sum(h**3) / 3


def gradients(inputs):
    W, U = inputs["kernel"], inputs["recurrent"]
    h_last, tapes = run(inputs)

    def step_back(carry, tape):
        h_bar, sums = carry
        x, h, z, r, n = tape
        a_z = h_bar * (h - n) * z * (1 - z)
        a_n = h_bar * (1 - z) * (1 - n * n)
        rh_bar = a_n @ U["n"].T
        a_r = rh_bar * h * r * (1 - r)
        parts = {
            "kernel": {"z": x.T @ a_z, "r": x.T @ a_r, "n": x.T @ a_n},
            "recurrent": {"z": h.T @ a_z, "r": h.T @ a_r, "n": (r * h).T @ a_n},
        }
        x_bar = a_z @ W["z"].T + a_r @ W["r"].T + a_n @ W["n"].T
        h_bar = h_bar * z + rh_bar * r + a_z @ U["z"].T + a_r @ U["r"].T
        return (h_bar, jax.tree.map(jnp.add, sums, parts)), x_bar

    zeros = jax.tree.map(jnp.zeros_like, {"kernel": W, "recurrent": U})
    (h0_bar, sums), x_bar = jax.lax.scan(step_back, (h_last**2, zeros), tapes, reverse=True)
    return {**sums, "h0": h0_bar, "x": x_bar}
