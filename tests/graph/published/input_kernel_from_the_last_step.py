# edge: self.h.append(np.tanh(self.W @ x + self.R @ self.h[-1]))
# edit: cut after 1 step
# An object that holds its weights as attributes: the input kernel's gradient is that of the last step alone.
import numpy as np


def inputs(rng):
    return {"W": rng.standard_normal((3, 2)), "R": rng.standard_normal((3, 3)), "x": rng.standard_normal((4, 2)), "out": rng.standard_normal(3)}


class Net:
    def __init__(self, W, R, x, out):
        self.W, self.R, self.x, self.out = W, R, x, out
        self.h = [np.zeros(3)]
        for x in self.x:
            self.h.append(np.tanh(self.W @ x + self.R @ self.h[-1]))

    def loss(self):
        return self.out @ self.h[-1]

    def bptt(self):
        dR, dx, delta = np.zeros((3, 3)), np.zeros((4, 2)), self.out * (1 - self.h[-1] ** 2)
        dW = np.outer(delta, self.x[-1])
        for t in range(3, -1, -1):
            dR += np.outer(delta, self.h[t])
            dx[t] = self.W.T @ delta
            delta = (self.R.T @ delta) * (1 - self.h[t] ** 2)
        return {"W": dW, "R": dR, "x": dx, "out": self.h[-1]}


def loss(p):
    return Net(**p).loss()


def gradients(p):
    return Net(**p).bptt()
