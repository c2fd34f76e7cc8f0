# expect: 1
# says: cell is a function of the file's own here
# The same without a factor.
import jax
import jax.numpy as jnp
import numpy as np
@jax.custom_vjp
def cell(w, h): return jnp.tanh(w * h)
def forward_of(w, h): return cell(w, h), (w, h, cell(w, h))
def backward_of(kept, bar):
    w, h, y = kept
    a = bar * (1 - y * y)
    return a * h, a
cell.defvjp(forward_of, backward_of)
readout = jax.jit(jnp.sum)
inputs = {"w": np.array([0.4, -0.7]), "h": np.array([0.3, 0.9])}
def loss(i): return readout(cell(i["w"], cell(i["w"], i["h"])))
gradients = jax.grad(loss)
