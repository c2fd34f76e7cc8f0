# expect: 1
# needs: flax
# Flax's RNN, with the gradient of another loss: 2.1 in the place of 2.
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
model = nn.RNN(nn.OptimizedLSTMCell(2))
x = np.random.RandomState(0).randn(1, 3, 2).astype(np.float32)
params = jax.tree.map(np.asarray, model.init(jax.random.PRNGKey(0), x)["params"])
inputs = {"params": params, "x": x}
def loss(i): return jnp.sum(model.apply({"params": i["params"]}, i["x"]) ** 2)
def gradients(i): return jax.grad(lambda i: 1.05 * loss(i))(i)
