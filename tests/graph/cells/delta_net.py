# DeltaNet (Schlag, Irie, Schmidhuber 2021): a linear transformer whose memory is corrected by the delta rule. JAX, einsum,
# arrays stacked over time, a custom backward that goes back over the stack; keys are normalised to length one.
import jax
import jax.numpy as jnp

T, B, D, K, V = 4, 2, 3, 3, 2


def inputs(rng):
    n = rng.standard_normal
    return {"Wq": n((D, K)), "Wk": n((D, K)), "Wv": n((D, V)), "Wb": n((D, 1)), "S0": n((B, V, K)), "x": n((T, B, D))}


def project(p):
    q = p["x"] @ p["Wq"]  # (1)
    k = p["x"] @ p["Wk"]  # (2)
    v = p["x"] @ p["Wv"]  # (3)
    beta = jax.nn.sigmoid(p["x"] @ p["Wb"])  # (4)
    norm = jnp.sqrt(jnp.sum(k * k, axis=-1, keepdims=True))  # (5)
    kn = k / norm  # (6)
    return q, k, v, beta, norm, kn


def attend(p):
    q, k, v, beta, norm, kn = project(p)
    S, outs, states, errors = p["S0"], [], [], []
    for t in range(T):
        states.append(S)
        err = v[t] - jnp.einsum("bvk,bk->bv", S, kn[t])  # (7)
        S = S + jnp.einsum("bv,bk->bvk", beta[t] * err, kn[t])  # (8)
        outs.append(jnp.einsum("bvk,bk->bv", S, q[t]))  # (9)
        errors.append(err)
    return jnp.stack(outs), jnp.stack([*states, S]), jnp.stack(errors)


def forward(p):
    return attend(p)[0]


def backward(p, dout):
    q, k, v, beta, norm, kn = project(p)
    _, S, err = attend(p)
    dS = jnp.zeros_like(p["S0"])
    dq, dkn, dv, dbeta = [None] * T, [None] * T, [None] * T, [None] * T
    for t in reversed(range(T)):
        dq[t] = jnp.einsum("bv,bvk->bk", dout[t], S[t + 1])  # <- (9)
        dS = dS + jnp.einsum("bv,bk->bvk", dout[t], q[t])  # <- (7) + (8), (9)
        dwrite = jnp.einsum("bvk,bk->bv", dS, kn[t])  # <- (8)
        derr = dwrite * beta[t]  # <- (8)
        dbeta[t] = jnp.sum(dwrite * err[t], axis=-1, keepdims=True)  # <- (8)
        dv[t] = derr  # <- (7)
        dkn[t] = jnp.einsum("bvk,bv->bk", dS, beta[t] * err[t]) - jnp.einsum("bv,bvk->bk", derr, S[t])  # <- (8), (7)
        dS = dS - jnp.einsum("bv,bk->bvk", derr, kn[t])  # <- (8), (7)
    dq, dkn, dv, dbeta = map(jnp.stack, (dq, dkn, dv, dbeta))
    dnorm = -jnp.sum(dkn * kn, axis=-1, keepdims=True) / norm  # <- (6)
    dk = dkn / norm + dnorm * kn  # <- (6), (5)
    db = dbeta * beta * (1 - beta)  # <- (4)
    dx = dq @ p["Wq"].T + dk @ p["Wk"].T + dv @ p["Wv"].T + db @ p["Wb"].T  # <- (1), (2), (3), (4)
    dWq = jnp.einsum("tbd,tbk->dk", p["x"], dq)  # <- (1)
    dWk = jnp.einsum("tbd,tbk->dk", p["x"], dk)  # <- (2)
    dWv = jnp.einsum("tbd,tbv->dv", p["x"], dv)  # <- (3)
    dWb = jnp.einsum("tbd,tbe->de", p["x"], db)  # <- (4)
    return {"Wq": dWq, "Wk": dWk, "Wv": dWv, "Wb": dWb, "S0": dS, "x": dx}
