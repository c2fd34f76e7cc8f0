# A recurrence whose state is filtered at each step: taps by hand, circular, channels apart.
# slip: dh[:, (i - k) % N] += du[:, i] * w[:, k] => dh[:, (i - k) % N] += du[:, i] * w[:, K - 1 - k] ¦ reversed ¦ u[:, i] += w[:, k] * h[:, (i - k) % N]
# slip: dw[:, k] += du[:, i] * h[:, (i - k) % N] => dw[:, k] += du[:, i - 1] * h[:, (i - k) % N] ¦ neighbour's cotangent ¦ u[:, i] += w[:, k] * h[:, (i - k) % N]
import numpy as np

T, C, N, K = 3, 2, 5, 3


def inputs(rng):
    return {"w": rng.standard_normal((C, K)) / 2, "x": rng.standard_normal((T, C, N))}


def states(p):
    h, hs, w = np.zeros((C, N)), [np.zeros((C, N))], p["w"]
    for x in p["x"]:
        u = np.zeros((C, N))
        for i in range(N):
            for k in range(K):
                u[:, i] += w[:, k] * h[:, (i - k) % N]
        h = np.tanh(u + x)
        hs.append(h)
    return hs


def forward(p):
    return states(p)[-1]


def backward(p, bar):
    hs, w = states(p), p["w"]
    dw, dx, dn = np.zeros((C, K)), np.zeros((T, C, N)), bar
    for t in reversed(range(T)):
        h = hs[t]
        du = dn * (1 - hs[t + 1] ** 2)
        dx[t] = du
        dh = np.zeros((C, N))
        for i in range(N):
            for k in range(K):
                dh[:, (i - k) % N] += du[:, i] * w[:, k]
                dw[:, k] += du[:, i] * h[:, (i - k) % N]
        dn = dh
    return {"w": dw, "x": dx}
