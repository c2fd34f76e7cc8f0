# expect: 0
# A scan whose carry is float32 by name, with inputs of float64: in float64 it cannot be traced.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"x": np.random.RandomState(0).randn(5, 3), "w": np.array([0.5, -0.7, 0.9])}
def forward(i):
    x, w = jnp.asarray(i["x"], jnp.float32), jnp.asarray(i["w"], jnp.float32)
    def step(h, x):
        h = jnp.tanh(w * h + x)
        return h, h
    return jax.lax.scan(step, jnp.zeros(3, jnp.float32), x)[1]
def backward(i, bars):
    hs = forward(i)
    prevs = jnp.concatenate([jnp.zeros((1, 3), hs.dtype), hs[:-1]])
    def step(dh, s):
        bar, h, prev = s
        da = (dh + bar) * (1 - h * h)
        return da * i["w"], (da, da * prev)
    _, (dx, dw) = jax.lax.scan(step, jnp.zeros(3, jnp.result_type(bars, i["w"], hs)), (bars, hs, prevs), reverse=True)
    return {"x": dx, "w": dw.sum(0)}
