# A ConvRNN in JAX: jnp.convolve of state and input with kernels of odd length.
# slip: dh = jnp.convolve(da, p["K"][::-1], mode="same") => dh = jnp.convolve(da, p["K"], mode="same") ¦ reversed ¦ jnp.convolve(h, p["K"], mode="same")
# slip: dx.append(jnp.convolve(da, p["Q"][::-1], mode="same")) => dx.append(jnp.convolve(da, p["Q"], mode="same")) ¦ reversed ¦ jnp.convolve(x, p["Q"], mode="same")
import jax.numpy as jnp


def inputs(rng):
    return {"K": rng.standard_normal(3), "Q": rng.standard_normal(5), "x": rng.standard_normal((3, 7))}


def states(p):
    h, hs = jnp.zeros(7), [jnp.zeros(7)]
    for x in p["x"]:
        h = jnp.tanh(jnp.convolve(h, p["K"], mode="same") + jnp.convolve(x, p["Q"], mode="same"))
        hs.append(h)
    return hs


def loss(p):
    return jnp.sum(states(p)[-1] ** 2)


def by_kernel(da, x, n):
    wide = jnp.pad(x, n // 2)
    return jnp.stack([jnp.dot(da, wide[n - 1 - k : n - 1 - k + 7]) for k in range(n)])


def gradients(p):
    hs = states(p)
    dK, dQ, dx, dh = 0.0, 0.0, [], 2 * hs[-1]
    for t in (2, 1, 0):
        da = dh * (1 - hs[t + 1] ** 2)
        dK, dQ = dK + by_kernel(da, hs[t], 3), dQ + by_kernel(da, p["x"][t], 5)
        dx.append(jnp.convolve(da, p["Q"][::-1], mode="same"))
        dh = jnp.convolve(da, p["K"][::-1], mode="same")
    return {"K": dK, "Q": dQ, "x": jnp.stack(dx[::-1])}
