# edge: state = np.tanh(kernel @ joined)
# edit: other factor
# Jacobians as matrices: diag(state) stands where diag(1 - state²) belongs. One kernel for [x, state].
import numpy as np

D, H = 2, 3


def inputs(rng):
    return {"kernel": rng.standard_normal((H, D + H)), "xs": rng.standard_normal((4, D)), "goal": rng.standard_normal(H)}


def unrolled(p):
    kernel, state, kept = p["kernel"], np.zeros(H), []
    for x in p["xs"]:
        joined = np.append(x, state)
        state = np.tanh(kernel @ joined)
        kept.append((joined, state))
    return state, kept


def loss(p):
    return 0.5 * np.sum((unrolled(p)[0] - p["goal"]) ** 2)


def gradients(p):
    state, kept = unrolled(p)
    d_kernel, d_xs, back = np.zeros_like(p["kernel"]), np.zeros_like(p["xs"]), state - p["goal"]
    d_goal = -back
    for t, (joined, state) in reversed(list(enumerate(kept))):
        back = np.diag(state) @ back
        d_kernel += np.outer(back, joined)
        through = p["kernel"].T @ back
        d_xs[t], back = through[:D], through[D:]
    return {"kernel": d_kernel, "xs": d_xs, "goal": d_goal}
