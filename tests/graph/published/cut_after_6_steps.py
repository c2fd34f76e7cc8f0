# edge: state = decay * state + drive
# edit: cut after 6 steps
# A leaky integrator, whole sequences at once: the backward's window of kernels is six steps long.
import numpy as np

WINDOW = 6


def inputs(rng):
    return {"decay": rng.uniform(0.5, 0.9, 3), "B": rng.standard_normal((2, 3)), "u": rng.standard_normal((9, 2))}


def states(p):
    decay, state, all_states = p["decay"], 0 * p["decay"], []
    for drive in p["u"] @ p["B"]:
        state = decay * state + drive
        all_states.append(state)
    return np.array(all_states)


def forward(p):
    return states(p)


def backward(p, bars):
    s = states(p)
    before = np.concatenate([0 * s[:1], s[:-1]])
    powers = np.array([p["decay"] ** k for k in range(WINDOW)])
    adjoint = np.array([(bars[t : t + WINDOW] * powers[: len(bars) - t]).sum(axis=0) for t in range(len(bars))])
    return {"decay": (adjoint * before).sum(axis=0), "B": p["u"].T @ adjoint, "u": adjoint @ p["B"].T}
