# edge: A = tanh(Z)
# edit: activation's derivative of the doubly activated
# A functional style, `tanh_prime(Z)` is called with what tanh gave: it is applied twice.
import numpy as np

tanh = np.tanh


def tanh_prime(Z):
    return 1 - np.tanh(Z) ** 2


def inputs(rng):
    return {"W1": rng.standard_normal((4, 3)), "W2": rng.standard_normal((2, 4)), "X": rng.standard_normal((3, 5))}


def hidden(p):
    Z = p["W1"] @ p["X"]
    A = tanh(Z)
    return A


def forward(p):
    return p["W2"] @ hidden(p)


def backward(p, dY):
    A = hidden(p)
    dZ = (p["W2"].T @ dY) * tanh_prime(A)
    return {"W1": dZ @ p["X"].T, "W2": dY @ A.T, "X": p["W1"].T @ dZ}
