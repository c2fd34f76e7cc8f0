# FastGRNN (Kusupati et al. 2018): one pre-activation for gate and candidate, low-rank matrices, two learned scalars;
# a classifier on the last state, cross-entropy against one-hot rows. Batch first.
import numpy as np

LABELS = np.eye(4)[[3, 1]]


def sigma(v):
    return 1 / (1 + np.exp(-v))


def inputs(rng):
    T, B, D, H, R, K = 5, 2, 3, 5, 2, 4
    s = lambda *shape: rng.uniform(-1, 1, shape)
    return {
        "W1": s(D, R), "W2": s(R, H), "U1": s(H, R), "U2": s(R, H), "bz": s(1, H), "bh": s(1, H),
        "zeta": s(1, 1), "nu": s(1, 1), "FC": s(H, K), "bias": s(1, K), "X": s(T, B, D), "h0": s(B, H),
    }


def forward_pass(p):
    W = p["W1"] @ p["W2"]  # 1
    U = p["U1"] @ p["U2"]  # 2
    h, caches = p["h0"], []
    for x in p["X"]:
        pre = x @ W + h @ U  # 3
        z = sigma(pre + p["bz"])  # 4
        c = np.tanh(pre + p["bh"])  # 5
        k = sigma(p["zeta"]) * (1 - z) + sigma(p["nu"])  # 6
        h_new = k * c + z * h  # 7
        caches.append({"x": x, "h": h, "z": z, "c": c, "k": k})
        h = h_new
    logits = h @ p["FC"] + p["bias"]  # 8
    e = np.exp(logits)
    probs = e / e.sum(axis=1, keepdims=True)
    cost = -(LABELS * np.log(probs)).sum() / len(LABELS)  # 9
    return cost, (W, U, h, probs, caches)


def loss(p):
    return forward_pass(p)[0]


def gradients(p):
    _, (W, U, h_last, probs, caches) = forward_pass(p)
    dW, dU = np.zeros(W.shape, W.dtype), np.zeros(U.shape, U.dtype)
    dbz, dbh = np.zeros_like(p["bz"]), np.zeros_like(p["bh"])
    dzeta, dnu = np.zeros_like(p["zeta"]), np.zeros_like(p["nu"])
    dX = np.zeros_like(p["X"])
    dlogits = (probs - LABELS) / len(LABELS)  # <- 9
    dFC = h_last.T @ dlogits  # <- 8
    dbias = dlogits.sum(axis=0, keepdims=True)  # <- 8
    dh = dlogits @ p["FC"].T  # <- 8
    sz, sn = sigma(p["zeta"]), sigma(p["nu"])
    for t in range(len(caches))[::-1]:
        m = caches[t]
        dk = dh * m["c"]  # <- 7
        dc = dh * m["k"]  # <- 7
        dz = dh * m["h"] - dk * sz  # <- 7, 6
        dzeta += np.sum(dk * (1 - m["z"])) * sz * (1 - sz)  # <- 6
        dnu += np.sum(dk) * sn * (1 - sn)  # <- 6
        daz = dz * m["z"] * (1 - m["z"])  # <- 4
        dac = dc * (1 - m["c"] * m["c"])  # <- 5
        dpre = daz + dac  # <- 4, 5
        dbz += daz.sum(axis=0, keepdims=True)  # <- 4
        dbh += dac.sum(axis=0, keepdims=True)  # <- 5
        dW += m["x"].T @ dpre  # <- 3
        dU += m["h"].T @ dpre  # <- 3
        dX[t] = dpre @ W.T  # <- 3
        dh = dh * m["z"] + dpre @ U.T  # <- 7, 3
    dW1 = dW @ p["W2"].T  # <- 1
    dW2 = p["W1"].T @ dW  # <- 1
    dU1 = dU @ p["U2"].T  # <- 2
    dU2 = p["U1"].T @ dU  # <- 2
    return {"W1": dW1, "W2": dW2, "U1": dU1, "U2": dU2, "bz": dbz, "bh": dbh, "zeta": dzeta, "nu": dnu, "FC": dFC, "bias": dbias, "X": dX, "h0": dh}
