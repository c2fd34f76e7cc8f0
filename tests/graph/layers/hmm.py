# A hidden Markov model in probabilities, not normalised: messages from both ends, expected counts from their products.
# slip: beta = A @ (B[:, OBS[t + 1]] * beta) => beta = A @ beta ¦ other cotangent ¦ a = (a @ p["A"]) * p["B"][:, o]
# slip: np.outer(al[t - 1], B[:, OBS[t]] * betas[t]) => np.outer(al[t - 1], betas[t]) ¦ other cotangent ¦ a = (a @ p["A"]) * p["B"][:, o]
# slip: before = p["pi"] if t == 0 else al[t - 1] @ A => before = p["pi"] if t == 0 else al[t] ¦ other factor ¦ a = (a @ p["A"]) * p["B"][:, o]
import numpy as np

OBS = [1, 0, 3, 2, 1]


def inputs(rng):
    return {"A": rng.uniform(0.2, 1, (3, 3)), "B": rng.uniform(0.1, 1, (3, 4)), "pi": rng.uniform(0.2, 1, 3)}


def loss(p):
    a = p["pi"] * p["B"][:, OBS[0]]
    for o in OBS[1:]:
        a = (a @ p["A"]) * p["B"][:, o]
    return np.log(a.sum())


def gradients(p):
    A, B, n = p["A"], p["B"], len(OBS)
    al, beta, betas = np.zeros((n, 3)), np.ones(3), np.ones((n, 3))
    for t, o in enumerate(OBS):
        al[t] = (p["pi"] if t == 0 else al[t - 1] @ A) * B[:, o]
    for t in range(n - 2, -1, -1):
        beta = A @ (B[:, OBS[t + 1]] * beta)
        betas[t] = beta
    dA, dB, total = np.zeros((3, 3)), np.zeros((3, 4)), al[-1].sum()
    for t, o in enumerate(OBS):
        before = p["pi"] if t == 0 else al[t - 1] @ A
        dB[:, o] += before * betas[t] / total
        if t:
            dA += np.outer(al[t - 1], B[:, OBS[t]] * betas[t]) / total
    return {"A": dA, "B": dB, "pi": B[:, OBS[0]] * betas[0] / total}
