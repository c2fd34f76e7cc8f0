# expect: 1
# The scalar autograd assigns gradients where it should add them: what is read twice is wrong.
import numpy as np
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self._prev, self._backward = data, 0.0, children, lambda: None
    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def back(): self.grad = out.grad; other.grad = out.grad
        out._backward = back
        return out
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def back(): self.grad = other.data * out.grad; other.grad = self.data * out.grad
        out._backward = back
        return out
    def tanh(self):
        t = np.tanh(self.data)
        out = Value(t, (self,))
        def back(): self.grad = (1 - t ** 2) * out.grad
        out._backward = back
        return out
    def backward(self):
        topo, seen = [], set()
        def build(v):
            if v not in seen:
                seen.add(v)
                for c in v._prev: build(c)
                topo.append(v)
        build(self)
        self.grad = 1.0
        for v in reversed(topo): v._backward()
inputs = {"w": np.array([0.4, -0.8, 0.3]), "x": np.array([1.1, 0.6, -0.9])}
def run(i):
    w, x = [Value(v) for v in i["w"]], [Value(v) for v in i["x"]]
    s = w[0] * x[0] + w[1] * x[1] + w[2] * x[2]
    return w, x, s.tanh() * s
def loss(i): return run(i)[2].data
def gradients(i):
    w, x, out = run(i)
    out.backward()
    return {"w": np.array([v.grad for v in w]), "x": np.array([v.grad for v in x])}
