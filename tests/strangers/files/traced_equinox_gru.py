# expect: 0
# needs: equinox
# An Equinox GRU cell through a scan; the static parts are held apart from the arrays.
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
gru = eqx.nn.GRUCell(2, 3, key=jax.random.PRNGKey(1))
arrays, static = eqx.partition(gru, eqx.is_array)
leaves, tree = jax.tree.flatten(arrays)
inputs = {"leaves": [np.asarray(v) for v in leaves], "x": np.random.RandomState(0).randn(4, 2).astype(np.float32)}
def loss(i):
    run = eqx.combine(jax.tree.unflatten(tree, i["leaves"]), static)
    h = jnp.full(3, 0.1, i["x"].dtype)
    for x in i["x"]: h = run(x, h)
    return jnp.sum(jnp.cos(h))
gradients = jax.grad(loss)
