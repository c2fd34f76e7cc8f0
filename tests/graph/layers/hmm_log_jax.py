# The forward algorithm in JAX with a scan, start and end scores, batched; marginals by a scan of messages from behind.
# slip: step_back, end => step_back_bare, end ¦ log-space term missing ¦ alpha = logsumexp(
# slip: xi = jnp.exp(alphas[:-1][..., :, None] + trans + (emit + beta)[1:][..., None, :] - z[:, None, None]) => xi = jnp.exp(alphas[:-1][..., :, None] + trans + beta[1:][..., None, :] - z[:, None, None]) ¦ log-space term missing ¦ alpha = logsumexp(
import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp


def inputs(rng):
    return {"emit": rng.standard_normal((5, 2, 3)), "trans": rng.standard_normal((3, 3)), "start": rng.standard_normal(3), "end": rng.standard_normal(3)}


def messages(p):
    def step(alpha, e):
        alpha = logsumexp(alpha[:, :, None] + p["trans"], axis=1) + e
        return alpha, alpha

    first = p["start"] + p["emit"][0]
    _, rest = jax.lax.scan(step, first, p["emit"][1:])
    return jnp.concatenate([first[None], rest])


def loss(p):
    return jnp.sum(logsumexp(messages(p)[-1] + p["end"], axis=-1))


def gradients(p):
    alphas, trans, emit = messages(p), p["trans"], p["emit"]
    end = jnp.broadcast_to(p["end"], (2, 3))

    def step_back(beta, e):
        return logsumexp(trans + (e + beta)[:, None, :], axis=-1), beta

    def step_back_bare(beta, e):
        return logsumexp(trans + beta[:, None, :], axis=-1), beta

    _, beta = jax.lax.scan(step_back, end, jnp.roll(emit, -1, 0)[:-1][::-1])
    beta = jnp.concatenate([end[None], beta[1:]])[::-1] if beta.shape[0] == 5 else jnp.concatenate([_[None], beta[::-1]])
    z = logsumexp(alphas[-1] + p["end"], axis=-1)
    gamma = jnp.exp(alphas + beta - z[:, None])
    xi = jnp.exp(alphas[:-1][..., :, None] + trans + (emit + beta)[1:][..., None, :] - z[:, None, None])
    return {"emit": gamma, "trans": xi.sum((0, 1)), "start": gamma[0].sum(0), "end": gamma[-1].sum(0)}
