# expect: 1
# says: what f hands back to z has y in place of the derivative of sigmoid, y (1 − y)
# Of several names on a line, the one that the wrong term belongs to is told.
import numpy as np
def sig(a): return 1 / (1 + np.exp(-a))
def inputs(rng): return {"x": rng.standard_normal((3, 2, 2)), "W": rng.standard_normal((4, 4))}
def run(i):
    h, tape = np.zeros((2, 2)), []
    for x in i["x"]:
        z = np.concatenate([x, h], 1) @ i["W"]
        f, g = sig(z[:, :2]), np.tanh(z[:, 2:])
        hp = h; h = f * hp + (1 - f) * g; tape.append((x, hp, f, g, h))
    return tape
def forward(i): return np.array([h for *_, h in run(i)])
def backward(i, bars):
    dx, dW, dh = np.zeros_like(i["x"]), np.zeros_like(i["W"]), 0
    for t, (x, hp, f, g, _) in reversed(list(enumerate(run(i)))):
        dh = dh + bars[t]
        df = dh * (hp - g) * f
        dz = np.concatenate([df, dh * (1 - f) * (1 - g * g)], 1)
        dW += np.concatenate([x, hp], 1).T @ dz
        dxh = dz @ i["W"].T
        dx[t], dh = dxh[:, :2], dh * f + dxh[:, 2:]
    return {"x": dx, "W": dW}
