# A minimal gated unit in JAX, a scan forward and a scan back; the forget gate is computed in two places of the backward.
# slip: fb = sig(x @ p["Wf"] + h @ p["Uf"] + p["bf"]) => fb = sig(x @ p["Wf"] + h @ p["Uf"]) ¦ activation's derivative at another value ¦ f = sig(
# slip: fa = sig(x @ p["Wf"] + h @ p["Uf"] + p["bf"]) => fa = sig(h @ p["Uf"] + p["bf"]) ¦ recomputed otherwise ¦ c = jnp.tanh(
# slip: c = jnp.tanh(x @ p["Wc"] + (fa * h) @ p["Uc"]) => c = jnp.tanh(x @ p["Wc"] + h @ p["Uc"]) ¦ recomputed otherwise ¦ h = (1 - f) * h + f * c
import jax
import jax.numpy as jnp

sig = jax.nn.sigmoid


def inputs(rng):
    shape = {"Wf": (3, 5), "Uf": (5, 5), "bf": (5,), "Wc": (3, 5), "Uc": (5, 5), "x": (4, 3)}
    return {k: 0.7 * rng.standard_normal(v) for k, v in shape.items()}


def forward(p):
    def step(h, x):
        f = sig(x @ p["Wf"] + h @ p["Uf"] + p["bf"])
        c = jnp.tanh(x @ p["Wc"] + (f * h) @ p["Uc"])
        h = (1 - f) * h + f * c
        return h, h

    return jax.lax.scan(step, jnp.zeros(5), p["x"])[1]


def backward(p, bar):
    hs = jnp.concatenate([jnp.zeros((1, 5)), forward(p)[:-1]])
    d0 = {k: jnp.zeros_like(v) for k, v in p.items() if k != "x"}

    def back(carry, now):
        dh, d = carry
        x, h, out = now
        dh = dh + out
        fa = sig(x @ p["Wf"] + h @ p["Uf"] + p["bf"])
        c = jnp.tanh(x @ p["Wc"] + (fa * h) @ p["Uc"])
        fb = sig(x @ p["Wf"] + h @ p["Uf"] + p["bf"])
        dac = dh * fa * (1 - c**2)
        dfh = dac @ p["Uc"].T
        daf = (dh * (c - h) + dfh * h) * fb * (1 - fb)
        d = {
            "Wf": d["Wf"] + jnp.outer(x, daf),
            "Uf": d["Uf"] + jnp.outer(h, daf),
            "bf": d["bf"] + daf,
            "Wc": d["Wc"] + jnp.outer(x, dac),
            "Uc": d["Uc"] + jnp.outer(fa * h, dac),
        }
        dh = dh * (1 - fa) + dfh * fa + daf @ p["Uf"].T
        return (dh, d), daf @ p["Wf"].T + dac @ p["Wc"].T

    (_, d), dx = jax.lax.scan(back, (jnp.zeros(5), d0), (p["x"], hs, bar), reverse=True)
    return {**d, "x": dx}
