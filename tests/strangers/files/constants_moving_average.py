# expect: 0
# A leaky integrator with decay 0.9: the claim has the powers of the decay in closed form.
import numpy as np
T = 6
inputs = {"x": np.random.RandomState(1).randn(T)}
def forward(i):
    s, out = 0.0, []
    for t in range(T):
        s = 0.9 * s + (1 - 0.9) * i["x"][t]
        out.append(s)
    return np.stack(out)
def backward(i, bar):
    dx = np.zeros_like(i["x"])
    for t in range(T):
        for k in range(t, T):
            dx[t] = dx[t] + 0.1 * 0.9 ** (k - t) * bar[k]
    return {"x": dx}
