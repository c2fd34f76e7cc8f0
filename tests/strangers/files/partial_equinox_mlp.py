# expect: 0
# says: weight
# needs: equinox
# An Equinox MLP as an argument: its leaves are weights, biases and a function.
import equinox as eqx
import jax
import jax.numpy as jnp
import lstm_ref
mlp = eqx.nn.MLP(2, 1, 3, 1, activation=jnp.tanh, key=jax.random.PRNGKey(0))
def f(mlp, x): return jnp.sum(mlp(x) ** 2)
problem = lstm_ref.custom_vjp(f, mlp, jnp.array([0.3, 0.7]))
