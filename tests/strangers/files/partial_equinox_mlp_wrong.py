# expect: 1
# says: weight
# needs: equinox
# An Equinox MLP with an activation whose derivative rule is wrong.
import equinox as eqx
import jax
import jax.numpy as jnp
import lstm_ref
@jax.custom_jvp
def act(x): return jnp.tanh(x)
act.defjvp(lambda p, t: (act(p[0]), t[0] * (1 - act(p[0]))))
mlp = eqx.nn.MLP(2, 1, 3, 1, activation=act, key=jax.random.PRNGKey(0))
def f(mlp, x): return jnp.sum(mlp(x) ** 2)
problem = lstm_ref.custom_vjp(f, mlp, jnp.array([0.3, 0.7]))
