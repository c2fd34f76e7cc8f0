# edge: a = x @ p["Wi"] + h @ p["Wr"]
# edit: cut after 5 steps
# A leaky-ReLU RNN, batch first, one error at the end: BPTT(5) although the sequence has eight steps.
import numpy as np

TBPTT = 5


def inputs(rng):
    return {"Wi": rng.standard_normal((2, 3)), "Wr": 0.7 * rng.standard_normal((3, 3)), "seq": rng.standard_normal((8, 2, 2)), "want": rng.standard_normal((2, 3))}


def rollout(p):
    h = np.zeros((2, 3))
    trace = []
    for x in p["seq"]:
        a = x @ p["Wi"] + h @ p["Wr"]
        trace.append((x, h, a))
        h = np.maximum(0.1 * a, a)
    return h, trace


def loss(p):
    return 0.5 * np.square(rollout(p)[0] - p["want"]).sum()


def gradients(p):
    h, trace = rollout(p)
    delta = h - p["want"]
    grads = {k: np.zeros_like(v) for k, v in p.items()}
    grads["want"] = -delta
    for t, (x, h_prev, a) in list(enumerate(trace))[: -TBPTT - 1 : -1]:
        delta = delta * np.where(a > 0, 1, 0.1)
        grads["Wi"] += x.T @ delta
        grads["Wr"] += h_prev.T @ delta
        grads["seq"][t] = delta @ p["Wi"].T
        delta = delta @ p["Wr"].T
    return grads
