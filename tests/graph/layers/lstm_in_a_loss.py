# An LSTM over columns of an input with two axes too many; a squared readout with weight decay as loss.
# slip: dc = dc * f + 0 => dc = dc ¦ factor missing ¦ c = f * c
# slip: (1 - u * u) => (1 - u) ¦ activation's derivative of another activation ¦ h = o * np.tanh(c)
# slip: 0.2 * p["W"] => np.zeros_like(p["W"]) ¦ dropped ¦ return (p["V"]
import numpy as np
T, H, D = 4, 3, 2
def sig(v): return 1 / (1 + np.exp(-v))
def inputs(rng):
    return {"W": rng.standard_normal((4 * H, H + D)) * .5, "b": rng.standard_normal(4 * H), "x": rng.standard_normal((T, D, 1)), "V": rng.standard_normal(H)}
def run(p):
    h, c, tape = np.zeros(H), np.zeros(H), []
    for t in range(T):
        z = np.concatenate([h, p["x"][t, :, 0]])
        a = p["W"] @ z + p["b"]
        i, f, g, o = sig(a[:H]), sig(a[H:2*H]), np.tanh(a[2*H:3*H]), sig(a[3*H:])
        cp = c
        c = f * c + i * g
        h = o * np.tanh(c)
        tape.append((z, i, f, g, o, cp, c))
    return h, tape
def loss(p):
    return (p["V"] @ run(p)[0]) ** 2 + 0.1 * np.sum(p["W"] ** 2)
def gradients(p):
    h, tape = run(p)
    y = p["V"] @ h
    dh, dV = 2 * y * p["V"], 2 * y * h
    dW, db, dx, dc = 0.2 * p["W"], np.zeros_like(p["b"]), np.zeros_like(p["x"]), np.zeros(H)
    for t in reversed(range(T)):
        z, i, f, g, o, cp, c = tape[t]
        u = np.tanh(c)
        dc = dc + dh * o * (1 - u * u)
        da = np.concatenate([dc * g * i * (1 - i), dc * cp * f * (1 - f), dc * i * (1 - g * g), dh * u * o * (1 - o)])
        dW += np.outer(da, z); db += da
        dz = p["W"].T @ da
        dh, dx[t, :, 0] = dz[:H], dz[H:]
        dc = dc * f + 0
    return {"W": dW, "b": db, "x": dx, "V": dV}
