"""Mogrifier LSTM (Melis et al. 2020), five rounds, JAX with scan."""
import jax
import jax.numpy as jnp

ROUNDS = 5


def inputs(rng):
    B, T, D, H = 2, 3, 3, 2
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {"Q": n(H, D), "R": n(D, H), "W": n(D, 4 * H), "U": n(H, 4 * H), "b": n(4 * H), "xs": n(T, B, D), "h": n(B, H), "c": n(B, H)}


def mogrify(p, x, h):
    for i in range(1, ROUNDS + 1):
        if i % 2 == 1:
            x = 2 * jax.nn.sigmoid(h @ p["Q"]) * x
        else:
            h = 2 * jax.nn.sigmoid(x @ p["R"]) * h
    return x, h


def forward(p):
    def step(state, x):
        h, c = state
        x, h = mogrify(p, x, h)
        i, f, g, o = jnp.split(x @ p["W"] + h @ p["U"] + p["b"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    (h, c), hs = jax.lax.scan(step, (p["h"], p["c"]), p["xs"])
    return hs, h, c
