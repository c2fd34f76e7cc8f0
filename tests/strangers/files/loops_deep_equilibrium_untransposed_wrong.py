# expect: 1
# never: the values decide
# A deep-equilibrium layer as a class, iterated to 1e-10, and its backward pass by the implicit function theorem, without the transpose.
import numpy as np


class Equilibrium:
    def __init__(self, p):
        self.p = p

    def layer(self, z):
        return np.tanh(self.p["W"] @ z + self.p["U"] @ self.p["x"] + self.p["b"])

    def forward(self):
        z = np.zeros(5)
        z_new = self.layer(z)
        # the iteration
        while np.abs(z_new - z).max() > 1e-10:
            z, z_new = z_new, self.layer(z_new)
        self.z = z_new
        return z_new

    def backward(self, dz):
        slope = 1 - self.z**2
        da = slope * np.linalg.solve((np.eye(5) - slope[:, None] * self.p["W"]), dz)
        return {"W": np.outer(da, self.z), "U": np.outer(da, self.p["x"]), "b": da, "x": self.p["U"].T @ da}


def inputs(rng):
    return {"W": 0.2 * rng.normal(size=(5, 5)), "U": rng.normal(size=(5, 3)), "b": rng.normal(size=5), "x": rng.normal(size=3)}


def forward(p):
    return Equilibrium(p).forward()


def backward(p, dz):
    layer = Equilibrium(p)
    layer.forward()
    return layer.backward(dz)
