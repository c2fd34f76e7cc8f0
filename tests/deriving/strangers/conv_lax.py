"""ConvLSTM (Shi et al. 2015) in JAX: lax.conv_general_dilated, NHWC, scanned."""
import jax
import jax.numpy as jnp
from jax import lax


def inputs(rng):
    B, T, N, M, D, H, K = 1, 3, 3, 4, 2, 1, 3
    n = lambda *s: 0.5 * rng.standard_normal(s)
    return {
        "Wx": n(K, K, D, 4 * H), "Wh": n(K, K, H, 4 * H), "b": n(4 * H),
        "wci": n(N, M, H), "wcf": n(N, M, H), "wco": n(N, M, H),
        "X": n(T, B, N, M, D), "h0": n(B, N, M, H), "c0": n(B, N, M, H),
    }


def conv(x, W):
    return lax.conv_general_dilated(x, W, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def forward(p):
    def step(carry, x):
        h, c = carry
        a = conv(x, p["Wx"]) + conv(h, p["Wh"]) + p["b"]
        ai, af, ag, ao = jnp.split(a, 4, axis=-1)
        i = jax.nn.sigmoid(ai + p["wci"] * c)
        f = jax.nn.sigmoid(af + p["wcf"] * c)
        c = f * c + i * jnp.tanh(ag)
        o = jax.nn.sigmoid(ao + p["wco"] * c)
        h = o * jnp.tanh(c)
        return (h, c), h

    _, hs = lax.scan(step, (p["h0"], p["c0"]), p["X"])
    return hs
