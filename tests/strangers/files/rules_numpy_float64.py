# expect: 2
# says: attend fails: it runs in float32 alone. A check switches float64 on
# says: write float(np.sqrt(3))
# A NumPy float64 makes float64 of a float32 carry, where float64 is switched on.
import jax
import jax.numpy as jnp
import numpy as np

import lstm_ref


def attend(q, k):
    def step(n, qk):
        q, k = qk
        n = n + k / np.sqrt(len(k))
        return n, n @ q

    return jax.lax.scan(step, jnp.zeros(3, jnp.float32), (q, k))[1]


rule = jax.custom_vjp(attend)


def back(kept, bar):
    q, k = kept
    n = jnp.cumsum(k / np.sqrt(3).astype("float32"), 0)
    later = jnp.cumsum((bar[:, None] * q)[::-1], 0)[::-1]
    return bar[:, None] * n, later / np.sqrt(3).astype("float32")


rule.defvjp(lambda q, k: (attend(q, k), (q, k)), back)
rng = np.random.default_rng(1)
problem = lstm_ref.custom_vjp(rule, *rng.standard_normal((2, 5, 3)).astype("float32"))
