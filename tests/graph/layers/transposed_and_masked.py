# An RNN on padded batches with a leak; the matrix is square.
# slip: dh = dh * (1 - LEAK) + (da @ W.T) => dh = dh * (1 - LEAK) + (dh * LEAK @ W) ¦ transposed, of another cotangent ¦ a = x @ U + h @ W
# slip: dx[t] = da @ U.T => dx[t] = dh * LEAK @ U.T ¦ other cotangent ¦ a = x @ U + h @ W
import numpy as np

LEAK = 0.3


def inputs(rng):
    return {"U": rng.standard_normal((2, 3)), "W": rng.standard_normal((3, 3)), "x": rng.standard_normal((5, 4, 2))}


def states(p):
    U, W = p["U"], p["W"]
    h, hs, cs = np.zeros((4, 3)), [], []
    for x in p["x"]:
        hs.append(h)
        a = x @ U + h @ W
        c = np.tanh(a)
        h = (1 - LEAK) * h + LEAK * c
        cs.append(c)
    return h, hs, cs


def forward(p):
    return states(p)[0]


def backward(p, dh):
    U, W = p["U"], p["W"]
    _, hs, cs = states(p)
    dU, dW, dx = np.zeros((2, 3)), np.zeros((3, 3)), np.zeros((5, 4, 2))
    for t in range(5)[::-1]:
        da = dh * LEAK * (1 - cs[t] ** 2)
        dU, dW = dU + p["x"][t].T @ da, dW + hs[t].T @ da
        dx[t] = da @ U.T
        dh = dh * (1 - LEAK) + (da @ W.T)
    return {"U": dU, "W": dW, "x": dx}
