# expect: 0
# A list of layer objects with parameters handed in by setattr, walked in reverse.
import numpy as np
class Dense:
    def fwd(self, x): self.x = x; return x @ self.W + self.b
    def bwd(self, d):
        self.gW, self.gb = self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T
class Sigmoid:
    def fwd(self, x): self.s = 1.0 / (1.0 + np.exp(-x)); return self.s
    def bwd(self, d): return d * self.s * (1 - self.s)
class Scale:
    def fwd(self, x): return x * 0.1
    def bwd(self, d): return d * 0.1
layers = [Dense(), Sigmoid(), Dense(), Scale()]
def inputs(rng):
    return {"W0": rng.normal(size=(3, 4)), "b0": rng.normal(size=4), "W2": rng.normal(size=(4, 2)), "b2": rng.normal(size=2), "x": rng.normal(size=(5, 3))}
def forward(p):
    for n in (0, 2): layers[n].W, layers[n].b = p[f"W{n}"], p[f"b{n}"]
    out = p["x"]
    for layer in layers: out = layer.fwd(out)
    return out
def backward(p, d):
    for layer in reversed(layers): d = layer.bwd(d)
    return {"W0": layers[0].gW, "b0": layers[0].gb, "W2": layers[2].gW, "b2": layers[2].gb, "x": d}
