# expect: 1
# The adjoint is stepped with the state after each step, as a continuous adjoint would be: off by the step.
import numpy as np
dt, n = 0.05, 20
inputs = {"s": np.array([1.0, 0.2]), "k": np.array(1.7)}
def roll(i):
    th, om, path = i["s"][0], i["s"][1], []
    for _ in range(n):
        th, om = th + dt * om, om - dt * i["k"] * np.sin(th)
        path.append((th, om))
    return th, om, path
def loss(i):
    th, om, _ = roll(i)
    return th ** 2 + 0.3 * om ** 2
def gradients(i):
    th, om, path = roll(i)
    a, b, dk = 2 * th, 0.6 * om, 0.0
    for th, om in reversed(path):
        dk = dk - dt * np.sin(th) * b
        a, b = a - dt * i["k"] * np.cos(th) * b, b + dt * a
    return {"s": np.stack([a, b]), "k": np.asarray(dk)}
