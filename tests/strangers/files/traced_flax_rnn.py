# expect: 0
# needs: flax
# Flax's RNN over an OptimizedLSTMCell: its carry stays float32 whatever the inputs are.
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
model = nn.RNN(nn.OptimizedLSTMCell(2))
x = np.random.RandomState(0).randn(1, 3, 2).astype(np.float32)
params = jax.tree.map(np.asarray, model.init(jax.random.PRNGKey(0), x)["params"])
inputs = {"params": params, "x": x}
def loss(i): return jnp.sum(model.apply({"params": i["params"]}, i["x"]) ** 2)
gradients = jax.grad(loss)
