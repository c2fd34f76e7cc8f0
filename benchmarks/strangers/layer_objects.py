"""Layers as objects that keep what backward needs on themselves: a recurrent layer, then a dense one. Batch first."""

import numpy as np

B, T, D, H, K = 3, 5, 4, 7, 2


class Dense:
    def forward(self, x, W, b):
        self.x, self.W = x, W
        return x @ W + b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.W.T


class Recurrent:
    def forward(self, x, Wx, Wh, b):
        self.x, self.Wx, self.Wh = x, Wx, Wh
        self.h = np.zeros((B, T + 1, H))
        for t in range(T):
            self.h[:, t + 1] = np.tanh(x[:, t] @ Wx + self.h[:, t] @ Wh + b)
        return self.h[:, T]

    def backward(self, dh):
        self.dWx, self.dWh, self.db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
        dx = np.zeros((B, T, D))
        for t in reversed(range(T)):
            da = dh * (1 - self.h[:, t + 1] ** 2)
            self.dWx += self.x[:, t].T @ da
            self.dWh += self.h[:, t].T @ da
            self.db += da.sum(axis=0)
            dx[:, t] = da @ self.Wx.T
            dh = da @ self.Wh.T
        return dx


rnn, head = Recurrent(), Dense()


def inputs(rng):
    sizes = {"x": (B, T, D), "Wx": (D, H), "Wh": (H, H), "b": (H,), "W": (H, K), "c": (K,)}
    return {k: rng.standard_normal(s) / 2 for k, s in sizes.items()}


def forward(p):
    return head.forward(rnn.forward(p["x"], p["Wx"], p["Wh"], p["b"]), p["W"], p["c"])


def backward(p, dy):
    dx = rnn.backward(head.backward(dy))
    return {"x": dx, "Wx": rnn.dWx, "Wh": rnn.dWh, "b": rnn.db, "W": head.dW, "c": head.db}
