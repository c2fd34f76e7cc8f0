# edge: return np.tanh(rows @ M + shift[None, :])
# edit: broadcast not summed
# A layer as two closures: of a broadcast bias the gradient is that of the batch's first row.
import numpy as np


def inputs(rng):
    return {"M": rng.standard_normal((2, 3)), "shift": rng.standard_normal(3), "rows": rng.standard_normal((4, 2))}


def affine(M, shift):
    def forward(rows):
        return np.tanh(rows @ M + shift[None, :])

    def backward(rows, dout):
        d = dout * (1 - forward(rows) ** 2)
        return d @ M.T, rows.T @ d, d[0]

    return forward, backward


def forward(p):
    return affine(p["M"], p["shift"])[0](p["rows"])


def backward(p, dout):
    drows, dM, dshift = affine(p["M"], p["shift"])[1](p["rows"], dout)
    return {"M": dM, "shift": dshift, "rows": drows}
