# An LSTM in a class, batch first, that stores c and h and recomputes the gates by one method for the cell and by another for the slopes.
# slip: = net.gates(x, h)  # again => = net.gates(x, 0.0 * h)  # again ¦ recomputed otherwise ¦ a = x @
# slip: i, f, o, g = net.gates(x, h)  # first => i, f, o, g = net.gates(x, hn)  # first ¦ recomputed otherwise ¦ c = f * c + i * g
# slip: th = np.tanh(cn) => th = np.tanh(f * c) ¦ recomputed otherwise ¦ h = o * np.tanh(c)
import numpy as np


class LSTM:
    def __init__(self, p, n=3):
        self.p, self.n = p, n

    def gates(self, x, h):
        a = x @ self.p["W"] + h @ self.p["R"] + self.p["b"]
        i, f, o = (1 / (1 + np.exp(-a[:, k * self.n : (k + 1) * self.n])) for k in range(3))
        return i, f, o, np.tanh(a[:, 3 * self.n :])

    def run(self):
        h = c = np.zeros((2, self.n))
        self.h, self.c = [h], [c]
        for x in self.p["x"]:
            i, f, o, g = self.gates(x, h)
            c = f * c + i * g
            h = o * np.tanh(c)
            self.h.append(h)
            self.c.append(c)
        return h


def inputs(rng):
    return {
        "W": rng.standard_normal((5, 12)) / 2,
        "R": rng.standard_normal((3, 12)) / 2,
        "b": rng.standard_normal(12) / 2,
        "x": rng.standard_normal((4, 2, 5)),
    }


def forward(p):
    return LSTM(p).run()


def backward(p, dout):
    net = LSTM(p)
    net.run()
    dW, dR, db, dx = np.zeros((5, 12)), np.zeros((3, 12)), np.zeros(12), np.zeros((4, 2, 5))
    dh, dc = dout, 0.0
    for t in (3, 2, 1, 0):
        x, h, c, hn, cn = p["x"][t], net.h[t], net.c[t], net.h[t + 1], net.c[t + 1]
        i, f, o, g = net.gates(x, h)  # first
        th = np.tanh(cn)
        do, dc = dh * th, dc + dh * o * (1 - th**2)
        di, df, dg = dc * g, dc * c, dc * i
        dc = dc * f
        i, f, o, g = net.gates(x, h)  # again
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g * g)], axis=1)
        dW, dR, db = dW + x.T @ da, dR + h.T @ da, db + da.sum(0)
        dx[t] = da @ p["W"].T
        dh = da @ p["R"].T
    return {"W": dW, "R": dR, "b": db, "x": dx}
