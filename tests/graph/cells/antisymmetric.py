# AntisymmetricRNN with its gate (Chang, Chen, Haber, Chi 2019), JAX, lax.scan both ways; a squared error on the last state.
import jax
import jax.numpy as jnp

T, B, D, H = 6, 2, 3, 4
EPS, GAMMA = 0.5, 0.1


def inputs(rng):
    n = rng.standard_normal
    return {"W": n((H, H)), "Vh": n((D, H)), "Vz": n((D, H)), "bh": n(H), "bz": n(H), "h0": n((B, H)), "x": n((T, B, D)), "y": n((B, H))}


def skew(W):
    return W - W.T - GAMMA * jnp.eye(H)  # (1)


def step(p, h, x):
    m = h @ skew(p["W"])  # (2)
    z = jax.nn.sigmoid(m + x @ p["Vz"] + p["bz"])  # (3)
    g = jnp.tanh(m + x @ p["Vh"] + p["bh"])  # (4)
    return h + EPS * z * g, (h, x, z, g)  # (5)


def unroll(p):
    h, tape = jax.lax.scan(lambda h, x: step(p, h, x), p["h0"], p["x"])
    return h, tape


def loss(p):
    h, _ = unroll(p)
    return jnp.mean((h - p["y"]) ** 2)  # (6)


def gradients(p):
    h_last, tape = unroll(p)
    dlast = 2 * (h_last - p["y"]) / (B * H)  # <- (6)
    M = skew(p["W"])

    def back(carry, kept):
        dh, dM, dVh, dVz, dbh, dbz = carry
        h, x, z, g = kept
        dz = EPS * dh * g  # <- (5)
        dg = EPS * dh * z  # <- (5)
        daz = dz * z * (1 - z)  # <- (3)
        dag = dg * (1 - g * g)  # <- (4)
        dm = daz + dag  # <- (3), (4)
        dM += h.T @ dm  # <- (2)
        dVh += x.T @ dag  # <- (4)
        dVz += x.T @ daz  # <- (3)
        dbh += dag.sum(axis=0)  # <- (4)
        dbz += daz.sum(axis=0)  # <- (3)
        dx = dag @ p["Vh"].T + daz @ p["Vz"].T  # <- (4), (3)
        dh = dh + dm @ M.T  # <- (5), (2)
        return (dh, dM, dVh, dVz, dbh, dbz), dx

    zeros = [jnp.zeros_like(p[k]) for k in ("W", "Vh", "Vz", "bh", "bz")]
    (dh, dM, dVh, dVz, dbh, dbz), dx = jax.lax.scan(back, (dlast, *zeros), tape, reverse=True)
    dW = dM - dM.T  # <- (1)
    dy = -dlast  # <- (6)
    return {"W": dW, "Vh": dVh, "Vz": dVz, "bh": dbh, "bz": dbz, "h0": dh, "x": dx, "y": dy}
