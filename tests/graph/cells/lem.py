# Long Expressive Memory (Rusch, Mishra, Erichson, Mahoney 2022), in JAX, with the loop written out and no autodiff.
import jax
import jax.numpy as jnp
import numpy as np

T, B, D, H = 5, 2, 3, 4
DT = 0.8
WEIGHTS = np.random.default_rng(5).standard_normal((T, B, H))


def inputs(rng):
    p = {}
    for name in ["1", "2", "z", "y"]:
        p["W" + name] = 0.7 * rng.standard_normal((H, H))
        p["V" + name] = 0.7 * rng.standard_normal((D, H))
        p["b" + name] = 0.7 * rng.standard_normal(H)
    p["x"] = rng.standard_normal((T, B, D))
    p["y0"] = rng.standard_normal((B, H))
    p["z0"] = rng.standard_normal((B, H))
    return p


def step(p, y, z, x):
    s1 = jax.nn.sigmoid(y @ p["W1"] + x @ p["V1"] + p["b1"])  # (1)
    s2 = jax.nn.sigmoid(y @ p["W2"] + x @ p["V2"] + p["b2"])  # (2)
    u = jnp.tanh(y @ p["Wz"] + x @ p["Vz"] + p["bz"])  # (3)
    z_new = (1 - DT * s1) * z + DT * s1 * u  # (4)
    v = jnp.tanh(z_new @ p["Wy"] + x @ p["Vy"] + p["by"])  # (5)
    y_new = (1 - DT * s2) * y + DT * s2 * v  # (6)
    return y_new, z_new, (x, y, z, s1, s2, u, z_new, v)


def unrolled(p):
    y, z, tape, total = p["y0"], p["z0"], [], 0.0
    for t in range(T):
        y, z, kept = step(p, y, z, p["x"][t])
        total = total + jnp.sum(WEIGHTS[t] * y)  # (7)
        tape.append(kept)
    return total, tape


def loss(p):
    return unrolled(p)[0]


def gradients(p):
    _, tape = unrolled(p)
    g = {k: jnp.zeros_like(v) for k, v in p.items()}
    dy = jnp.zeros_like(p["y0"])
    dz = jnp.zeros_like(p["z0"])
    for t in range(T - 1, -1, -1):
        x, y, z, s1, s2, u, z_new, v = tape[t]
        dy = dy + WEIGHTS[t]  # <- (1) + (2) + (3) + (6), (7)
        dv = dy * DT * s2  # <- (6)
        ds2 = dy * DT * (v - y)  # <- (6)
        dav = dv * (1 - v**2)  # <- (5)
        dz = dz + dav @ p["Wy"].T  # <- (4), (5)
        du = dz * DT * s1  # <- (4)
        ds1 = dz * DT * (u - z)  # <- (4)
        dau = du * (1 - u**2)  # <- (3)
        da1 = ds1 * s1 * (1 - s1)  # <- (1)
        da2 = ds2 * s2 * (1 - s2)  # <- (2)
        g["W1"] += y.T @ da1  # <- (1)
        g["W2"] += y.T @ da2  # <- (2)
        g["Wz"] += y.T @ dau  # <- (3)
        g["Wy"] += z_new.T @ dav  # <- (5)
        g["V1"] += x.T @ da1  # <- (1)
        g["V2"] += x.T @ da2  # <- (2)
        g["Vz"] += x.T @ dau  # <- (3)
        g["Vy"] += x.T @ dav  # <- (5)
        g["b1"] += da1.sum(0)  # <- (1)
        g["b2"] += da2.sum(0)  # <- (2)
        g["bz"] += dau.sum(0)  # <- (3)
        g["by"] += dav.sum(0)  # <- (5)
        dx = da1 @ p["V1"].T + da2 @ p["V2"].T + dau @ p["Vz"].T + dav @ p["Vy"].T  # <- (1), (2), (3), (5)
        g["x"] = g["x"].at[t].set(dx)
        dy = dy * (1 - DT * s2) + da1 @ p["W1"].T + da2 @ p["W2"].T + dau @ p["Wz"].T  # <- (6), (1), (2), (3)
        dz = dz * (1 - DT * s1)  # <- (4)
    g["y0"] = dy
    g["z0"] = dz
    return g
