# expect: 1
# says: in rules_scan_wrong.py:
# never: rerun.py
# never: jax.lax.scan(step, carry
# The rule takes zeros for the state before the first step, and the gates run over time with the inputs.
import jax
import jax.numpy as jnp
import lstm_ref

def run(w, h0, xs):
    def step(h, now):
        a, x = now
        h = a * h + x
        return h, h
    return jax.lax.scan(step, h0, (jnp.tanh(w * xs), xs))[1]

rnn = jax.custom_vjp(run)

def bwd(saved, g):
    w, h0, xs, hs = saved
    a = jnp.tanh(w * xs)
    dh0, dhs = jax.lax.scan(lambda dh, ag: (ag[0] * (dh + ag[1]), dh + ag[1]), jnp.zeros_like(h0), (a, g), reverse=True)
    prev = jnp.concatenate([jnp.zeros_like(h0)[None], hs[:-1]])
    dz = dhs * prev * (1 - a**2)
    return (dz * xs).sum((0, 1)), dh0, dhs + dz * w

rnn.defvjp(lambda w, h0, xs: (hs := run(w, h0, xs), (w, h0, xs, hs)), bwd)
k = jax.random.split(jax.random.PRNGKey(0), 3)
problem = lstm_ref.custom_vjp(rnn, *(jax.random.normal(k, s) for k, s in zip(k, [(3,), (2, 3), (5, 2, 3)])))
