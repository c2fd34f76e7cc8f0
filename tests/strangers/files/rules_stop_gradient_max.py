# expect: 0
# stop_gradient used rightly: the maximum that makes a softmax stable cancels.
import jax
import jax.numpy as jnp
import numpy as np
inputs = {"z": np.array([0.5, -1.5, 0.3])}
def loss(i):
    z = i["z"] - jax.lax.stop_gradient(i["z"].max())
    return jnp.log(jnp.exp(z).sum()) - z[2]
gradients = jax.grad(loss)
