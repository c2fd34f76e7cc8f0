# expect: 1
# A scan with a carry that is float32 by name; the claim takes h in the place of the state before.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.random.RandomState(0).randn(5, 3).astype(np.float32), "w": np.array([0.5, -0.7, 0.9], np.float32)}
def forward(i):
    def step(h, x):
        h = jnp.tanh(i["w"] * h + x)
        return h, h
    return jax.lax.scan(step, jnp.zeros(3, jnp.float32), i["x"])[1]
def backward(i, bars):
    hs = forward(i)
    def step(dh, s):
        bar, h = s
        da = (dh + bar) * (1 - h * h)
        return da * i["w"], (da, da * h)
    _, (dx, dw) = jax.lax.scan(step, jnp.zeros(3, jnp.float32), (bars, hs), reverse=True)
    return {"x": dx, "w": dw.sum(0)}
