# expect: 1
# needs: equinox
# The Equinox GRU cell, with a claim that stops at the last step.
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
gru = eqx.nn.GRUCell(2, 3, key=jax.random.PRNGKey(1))
arrays, static = eqx.partition(gru, eqx.is_array)
leaves, tree = jax.tree.flatten(arrays)
inputs = {"leaves": [np.asarray(v) for v in leaves], "x": np.random.RandomState(0).randn(4, 2).astype(np.float32)}
def loss(i, cut=False):
    run = eqx.combine(jax.tree.unflatten(tree, i["leaves"]), static)
    h = jnp.full(3, 0.1, i["x"].dtype)
    for n, x in enumerate(i["x"]):
        if cut and n == 3: h = jax.lax.stop_gradient(h)
        h = run(x, h)
    return jnp.sum(jnp.cos(h))
def gradients(i): return jax.grad(lambda j: loss(j, True))(i)
