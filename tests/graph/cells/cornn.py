# coRNN (Rusch & Mishra 2021): a network of damped, driven oscillators, in the implicit-explicit steps of the paper.
# Batch first, lists over time, softmax and one-hot targets at the end; gamma and eps are learned numbers.
import numpy as np

DT = 0.4
TARGET = np.eye(3)[[2, 0, 1]]


def inputs(rng):
    T, B, D, H, K = 5, 3, 2, 4, 3
    return {
        "W": rng.standard_normal((H, H)), "Wz": rng.standard_normal((H, H)), "V": rng.standard_normal((D, H)),
        "b": rng.standard_normal(H), "gamma": np.array(1.3), "eps": np.array(0.7),
        "y0": rng.standard_normal((B, H)), "z0": rng.standard_normal((B, H)),
        "x": rng.standard_normal((T, B, D)), "Q": rng.standard_normal((H, K)), "q": rng.standard_normal(K),
    }


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def run(p):
    ys, zs, acts = [p["y0"]], [p["z0"]], []
    for x in p["x"]:
        y, z = ys[-1], zs[-1]
        act = np.tanh(y @ p["W"] + z @ p["Wz"] + x @ p["V"] + p["b"])  # [a]
        z = z + DT * (act - p["gamma"] * y - p["eps"] * z)  # [z]
        y = y + DT * z  # [y]
        acts.append(act)
        ys.append(y)
        zs.append(z)
    prob = softmax(ys[-1] @ p["Q"] + p["q"])  # [p]
    return ys, zs, acts, prob


def loss(p):
    prob = run(p)[-1]
    return -np.mean(np.sum(TARGET * np.log(prob), axis=1))  # [l]


def gradients(p):
    ys, zs, acts, prob = run(p)
    T, B = len(acts), len(TARGET)
    dlogits = (prob - TARGET) / B  # <- [l]
    dQ = ys[-1].T @ dlogits  # <- [p]
    dq = dlogits.sum(axis=0)  # <- [p]
    dy = dlogits @ p["Q"].T  # <- [p]
    dz = np.zeros_like(p["z0"])
    dW, dWz, dV, db, dx = (np.zeros_like(p[k]) for k in ("W", "Wz", "V", "b", "x"))
    dgamma, deps = 0.0, 0.0
    for t in reversed(range(T)):
        dz = dz + DT * dy  # <- [a] + [z], [y]
        da = DT * dz * (1 - acts[t] ** 2)  # <- [z]
        dgamma -= DT * np.sum(dz * ys[t])  # <- [z]
        deps -= DT * np.sum(dz * zs[t])  # <- [z]
        dW += ys[t].T @ da  # <- [a]
        dWz += zs[t].T @ da  # <- [a]
        dV += p["x"][t].T @ da  # <- [a]
        db += np.sum(da, axis=0)  # <- [a]
        dx[t] = da @ p["V"].T  # <- [a]
        dy = dy - DT * p["gamma"] * dz + da @ p["W"].T  # <- [y], [z], [a]
        dz = dz * (1 - DT * p["eps"]) + da @ p["Wz"].T  # <- [z], [a]
    return {"W": dW, "Wz": dWz, "V": dV, "b": db, "gamma": dgamma, "eps": deps, "y0": dy, "z0": dz, "x": dx, "Q": dQ, "q": dq}
