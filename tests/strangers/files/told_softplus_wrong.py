# expect: 1
# says: has f'(f(x)), y activated once more, in place of the derivative of softplus, σ(x)
# never: relu
# JAX's softplus is ten primitives, one of them a maximum: its derivative is taken at its own value.
import jax
import jax.numpy as jnp

STEPS, ROWS, UNITS = 5, 3, 7


def inputs(rng):
    return {"dt": rng.normal(size=(STEPS, ROWS, UNITS)), "bias": rng.normal(size=UNITS), "x": rng.normal(size=(STEPS, ROWS, UNITS))}


def run(i):
    dt = jax.nn.softplus(i["dt"] + i["bias"])
    return dt, jax.lax.associative_scan(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (jnp.exp(-dt), dt * i["x"]))[1]


def forward(i):
    return run(i)[1]


def backward(i, dh):
    dt, h = run(i)
    decay = jnp.exp(-dt)
    before = jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]])
    carried, d_dt, dx = jnp.zeros_like(h[0]), [], []
    for t in reversed(range(STEPS)):
        carried = carried + dh[t]
        d_dt.insert(0, carried * (i["x"][t] - before[t] * decay[t]))
        dx.insert(0, carried * dt[t])
        carried = carried * decay[t]
    d_in = jnp.stack(d_dt) * jax.nn.sigmoid(dt)
    return {"dt": d_in, "bias": d_in.sum((0, 1)), "x": jnp.stack(dx)}
