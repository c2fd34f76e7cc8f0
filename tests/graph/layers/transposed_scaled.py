# An antisymmetric-like residual network in JAX whose step is scaled and diffused.
# slip: dh = dh + EPS * p["W"].T @ da - GAMMA * dh => dh = dh + p["W"] @ da - GAMMA * dh ¦ transposed, a factor missing ¦ a = p["W"] @ (EPS * h) + p["V"] @ x + p["b"]
# slip: dx = [p["V"].T @ da, *dx] => dx = [p["V"] @ dh, *dx] ¦ transposed, of another cotangent ¦ a = p["W"] @ (EPS * h) + p["V"] @ x + p["b"]
import jax.numpy as jnp

EPS, GAMMA = 0.7, 0.1


def inputs(rng):
    return {"W": rng.standard_normal((3, 3)), "V": rng.standard_normal((3, 3)), "b": rng.standard_normal(3), "x": rng.standard_normal((4, 3))}


def states(p):
    h, hs = jnp.zeros(3), [jnp.zeros(3)]
    outs = []
    for x in p["x"]:
        a = p["W"] @ (EPS * h) + p["V"] @ x + p["b"]
        h = h + jnp.tanh(a) - GAMMA * h
        outs.append(jnp.tanh(a))
        hs.append(h)
    return hs, outs


def loss(p):
    return jnp.sum(states(p)[0][-1] ** 2)


def gradients(p):
    hs, outs = states(p)
    dW, dV, db, dx, dh = 0.0, 0.0, 0.0, [], 2 * hs[-1]
    for t in (3, 2, 1, 0):
        da = dh * (1 - outs[t] ** 2)
        dW, dV, db = dW + jnp.outer(da, EPS * hs[t]), dV + jnp.outer(da, p["x"][t]), db + da
        dx = [p["V"].T @ da, *dx]
        dh = dh + EPS * p["W"].T @ da - GAMMA * dh
    return {"W": dW, "V": dV, "b": db, "x": jnp.stack(dx)}
