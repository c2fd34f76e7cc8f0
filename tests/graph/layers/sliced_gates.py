# An LSTM whose gates are slices of one vector; the backward builds it anew by concatenation.
# slip: [dc * g * i * (1 - i), dc * cp * f * (1 - f), => [dc * cp * f * (1 - f), dc * g * i * (1 - i), ¦ blocks in another order ¦ i, f, g, o =
# slip: dc * i * (1 - g * g), dh * u * o * (1 - o)] => dh * u * o * (1 - o), dc * i * (1 - g * g)] ¦ blocks in another order ¦ i, f, g, o =
# slip: dh, dx[t] = dz[:H], dz[H:] => dh, dx[t] = np.zeros(H), dz[H:] ¦ dropped ¦ z = np.concatenate
import numpy as np
T, H, D = 3, 4, 2
def sig(v): return 1 / (1 + np.exp(-v))
def inputs(rng):
    return {"W": rng.standard_normal((4 * H, H + D)) * .5, "b": rng.standard_normal(4 * H), "x": rng.standard_normal((T, D)), "h0": rng.standard_normal(H), "c0": rng.standard_normal(H)}
def run(p):
    h, c, tape = p["h0"], p["c0"], []
    for t in range(T):
        z = np.concatenate([h, p["x"][t]])
        a = p["W"] @ z + p["b"]
        i, f, g, o = sig(a[:H]), sig(a[H:2*H]), np.tanh(a[2*H:3*H]), sig(a[3*H:])
        cp = c
        c = f * c + i * g
        h = o * np.tanh(c)
        tape.append((z, i, f, g, o, cp, c))
    return h, tape
def forward(p):
    return run(p)[0]
def backward(p, dh):
    _, tape = run(p)
    dW, db, dx, dc = np.zeros_like(p["W"]), np.zeros_like(p["b"]), np.zeros_like(p["x"]), np.zeros(H)
    for t in reversed(range(T)):
        z, i, f, g, o, cp, c = tape[t]
        u = np.tanh(c)
        dc = dc + dh * o * (1 - u * u)
        da = np.concatenate([dc * g * i * (1 - i), dc * cp * f * (1 - f), dc * i * (1 - g * g), dh * u * o * (1 - o)])
        dW += np.outer(da, z); db += da
        dz = p["W"].T @ da
        dh, dx[t] = dz[:H], dz[H:]
        dc = dc * f
    return {"W": dW, "b": db, "x": dx, "h0": dh, "c0": dc}
