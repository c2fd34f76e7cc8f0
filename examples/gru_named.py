"""A mistake located by named values: a GRU in JAX whose forward names its values with `checkpoint_name`.

    lstm-ref check examples/gru_named.py

The backward pass returns one dict with the gradients and the adjoints of the named values. From these the report finds
the first wrong adjoint. The mistake: the candidate's adjoint lacks the derivative of tanh.
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

T, B, D, H = 6, 2, 3, 4


def inputs(rng):
    return {
        "w": 0.5 * rng.standard_normal((3, D, H)),
        "u": 0.5 * rng.standard_normal((3, H, H)),
        "h0": 0.5 * rng.standard_normal((B, H)),
        "x": rng.standard_normal((T, B, D)),
    }


def step(inputs, h, x):
    (wz, wr, wn), (uz, ur, un) = inputs["w"], inputs["u"]
    z = checkpoint_name(jax.nn.sigmoid(x @ wz + h @ uz), "z")
    r = checkpoint_name(jax.nn.sigmoid(x @ wr + h @ ur), "r")
    a = checkpoint_name(x @ wn + (r * h) @ un, "a")
    n = jnp.tanh(a)
    new = checkpoint_name((1 - z) * n + z * h, "h")
    return new, (new, (x, h, z, r, n))


def forward(inputs):
    return jax.lax.scan(lambda h, x: step(inputs, h, x), inputs["h0"], inputs["x"])[1][0]


def backward(inputs, hs_bar):
    (wz, wr, wn), (uz, ur, un) = inputs["w"], inputs["u"]
    _, (_, tapes) = jax.lax.scan(lambda h, x: step(inputs, h, x), inputs["h0"], inputs["x"])

    def step_back(h_bar, now):
        from_output, (x, h, z, r, n) = now
        h_bar = h_bar + from_output
        z_bar = h_bar * (h - n)
        a_bar = h_bar * (1 - z)  # the mistake: times 1 - n²
        rh_bar = a_bar @ un.T
        r_bar = rh_bar * h
        az, ar = z_bar * z * (1 - z), r_bar * r * (1 - r)
        parts = {
            "w": jnp.stack([x.T @ az, x.T @ ar, x.T @ a_bar]),
            "u": jnp.stack([h.T @ az, h.T @ ar, (r * h).T @ a_bar]),
            "x": az @ wz.T + ar @ wr.T + a_bar @ wn.T,
            "z": z_bar,
            "r": r_bar,
            "a": a_bar,
            "h": h_bar,
        }
        return h_bar * z + rh_bar * r + az @ uz.T + ar @ ur.T, parts

    h0_bar, parts = jax.lax.scan(step_back, jnp.zeros((B, H)), (hs_bar, tapes), reverse=True)
    return parts | {"w": parts["w"].sum(0), "u": parts["u"].sum(0), "h0": h0_bar}
