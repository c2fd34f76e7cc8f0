# edge: memory[t + 1] = np.tanh(memory[t] @ R + tokens[t])
# edit: clipped on the way
# Embedded tokens without an input kernel, arrays over time: what goes back is clipped to between -1 and 1.
import numpy as np


def inputs(rng):
    return {"R": rng.standard_normal((3, 3)), "E": rng.standard_normal((4, 3)), "out": 2 * rng.standard_normal((5, 2, 3))}


ids = np.array([[0, 1], [2, 3], [1, 1], [3, 0], [2, 2]])


def remember(p):
    R, tokens = p["R"], p["E"][ids]
    memory = np.zeros((6, 2, 3), tokens.dtype)
    for t in range(5):
        memory[t + 1] = np.tanh(memory[t] @ R + tokens[t])
    return memory


def loss(p):
    return np.sum(p["out"] * remember(p)[1:])


def gradients(p):
    memory = remember(p)
    dR, dE, carry = np.zeros_like(p["R"]), np.zeros_like(p["E"]), np.zeros((2, 3))
    for t in range(4, -1, -1):
        da = (p["out"][t] + carry) * (1 - memory[t + 1] ** 2)
        dR += memory[t].T @ da
        np.add.at(dE, ids[t], da)
        carry = np.clip(da @ p["R"].T, -1, 1)
    return {"R": dR, "E": dE, "out": memory[1:]}
