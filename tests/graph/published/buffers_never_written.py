# edge: u = x @ self.w + self.b + h @ self.v
# edit: dropped
# Layers with .grads of zeros: those of v are made, handed out and never written.
import numpy as np


def inputs(rng):
    return {"w": rng.standard_normal((2, 3)), "v": rng.standard_normal((3, 3)), "b": rng.standard_normal(3), "x": rng.standard_normal((3, 2, 2))}


class Recurrent:
    def __init__(self, w, v, b):
        self.w, self.v, self.b = w, v, b
        self.grads = {"w": np.zeros_like(w), "v": np.zeros_like(v), "b": np.zeros_like(b)}
        self.memory = []

    def __call__(self, x, h):
        u = x @ self.w + self.b + h @ self.v
        y = np.arctan(u)
        self.memory.append((x, h, u))
        return y

    def back(self, dy):
        x, h, u = self.memory.pop()
        du = dy / (1 + u * u)
        self.grads["w"] += x.T @ du
        self.grads["b"] += du.sum(axis=0)
        return du @ self.w.T, du @ self.v.T


def forward(p):
    layer, h, out = Recurrent(p["w"], p["v"], p["b"]), np.zeros((2, 3)), []
    for x in p["x"]:
        h = layer(x, h)
        out.append(h)
    forward.layer = layer
    return np.stack(out)


def backward(p, dout):
    dx, dh = [], 0
    for dy in dout[::-1]:
        dxt, dh = forward.layer.back(dy + dh)
        dx.insert(0, dxt)
    return {**forward.layer.grads, "x": np.stack(dx)}
