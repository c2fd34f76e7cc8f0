# expect: 1
# says: what c hands back to c is multiplied with gates[0:3] in place of f
# says: there belongs: dprev += dc * f
# never: at the wrong step
# Gates that are slices of one array: the input gate stands where the forget gate belongs, of the same step.
import numpy as np
T, H = 4, 3
def inputs(rng): return {"W": rng.standard_normal((4, 2 * H)), "x": rng.standard_normal((T, 4)), "c0": rng.standard_normal(H)}
def run(p):
    c, tape = p["c0"], []
    for t in range(T):
        gates = 1 / (1 + np.exp(-(p["x"][t] @ p["W"])))
        i, f = gates[:H], gates[H:]
        prev = c
        c = f * prev + i
        tape.append((i, f, prev))
    return c, tape
def forward(p): return run(p)[0]
def backward(p, dc):
    dW, dx = np.zeros((4, 2 * H)), np.zeros((T, 4))
    for t, (i, f, prev) in reversed(list(enumerate(run(p)[1]))):
        da = np.concatenate([dc * i * (1 - i), dc * prev * f * (1 - f)])
        dW += np.outer(p["x"][t], da); dx[t] = p["W"] @ da
        dc = dc * i                                   # i where f belongs, of the same step
    return {"W": dW, "x": dx, "c0": dc}
