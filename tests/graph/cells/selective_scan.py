"""The selective scan of Mamba (S6; Gu & Dao 2023) with its gate, in NumPy: the reference that the CUDA kernel is tested
against, and its backward pass. (batch, length, channels d, state n)."""
import numpy as np

b, l, d, n = 2, 5, 3, 4


def inputs(rng):
    return {
        "x": rng.standard_normal((b, l, d)),
        "W_delta": 0.5 * rng.standard_normal((d, d)), "b_delta": 0.5 * rng.standard_normal(d),
        "W_B": rng.standard_normal((d, n)), "W_C": rng.standard_normal((d, n)), "W_z": rng.standard_normal((d, d)),
        "A_log": 0.5 * rng.standard_normal((d, n)), "D": rng.standard_normal(d),
    }


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def selective_scan(p):
    x = p["x"]
    A = -np.exp(p["A_log"])  # (1)
    pre = x @ p["W_delta"] + p["b_delta"]  # (2)
    delta = np.log(1 + np.exp(pre))  # (3) softplus
    Bm = x @ p["W_B"]  # (4)
    Cm = x @ p["W_C"]  # (5)
    z = x @ p["W_z"]  # (6)
    dA = np.exp(np.einsum("bld,dn->bldn", delta, A))  # (7)
    dBx = np.einsum("bld,bln,bld->bldn", delta, Bm, x)  # (8)
    h = np.zeros((b, l + 1, d, n), dtype=x.dtype)
    y = np.zeros((b, l, d), dtype=x.dtype)
    for i in range(l):
        h[:, i + 1] = dA[:, i] * h[:, i] + dBx[:, i]  # (9)
        y[:, i] = np.einsum("bdn,bn->bd", h[:, i + 1], Cm[:, i])  # (10)
    y = y + p["D"] * x  # (11)
    gate = z * sigmoid(z)  # (12) silu
    out = y * gate  # (13)
    return out, (A, pre, delta, Bm, Cm, z, dA, h, y, gate)


def forward(p):
    return selective_scan(p)[0]


def backward(p, dout):
    x = p["x"]
    A, pre, delta, Bm, Cm, z, dA, h, y, gate = selective_scan(p)[1]
    dy = dout * gate  # <- (13)
    dgate = dout * y  # <- (13)
    dz = dgate * (sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)))  # <- (12)
    dD = np.sum(dy * x, axis=(0, 1))  # <- (11)
    dx = dy * p["D"]  # <- (11)
    dh = np.zeros_like(h[:, 0])
    ddA = np.zeros_like(dA)
    ddBx = np.zeros_like(dA)
    dC = np.zeros_like(Cm)
    for i in range(l)[::-1]:
        dC[:, i] = np.einsum("bd,bdn->bn", dy[:, i], h[:, i + 1])  # <- (10)
        dh = dh + np.einsum("bd,bn->bdn", dy[:, i], Cm[:, i])  # <- (9), (10)
        ddA[:, i] = dh * h[:, i]  # <- (9)
        ddBx[:, i] = dh  # <- (9)
        dh = dh * dA[:, i]  # <- (9)
    ddelta = np.einsum("bldn,bln,bld->bld", ddBx, Bm, x)  # <- (8)
    ddelta += np.einsum("bldn,dn->bld", ddA * dA, A)  # <- (7)
    d_A = np.einsum("bldn,bld->dn", ddA * dA, delta)  # <- (7)
    dB = np.einsum("bldn,bld,bld->bln", ddBx, delta, x)  # <- (8)
    dx += np.einsum("bldn,bld,bln->bld", ddBx, delta, Bm)  # <- (8)
    dpre = ddelta * sigmoid(pre)  # <- (3)
    dx += dpre @ p["W_delta"].T  # <- (2)
    dx += dB @ p["W_B"].T  # <- (4)
    dx += dC @ p["W_C"].T  # <- (5)
    dx += dz @ p["W_z"].T  # <- (6)
    dW_delta = np.einsum("bld,ble->de", x, dpre)  # <- (2)
    db_delta = dpre.sum(axis=(0, 1))  # <- (2)
    dW_B = np.einsum("bld,bln->dn", x, dB)  # <- (4)
    dW_C = np.einsum("bld,bln->dn", x, dC)  # <- (5)
    dW_z = np.einsum("bld,ble->de", x, dz)  # <- (6)
    dA_log = d_A * A  # <- (1)
    return {"x": dx, "W_delta": dW_delta, "b_delta": db_delta, "W_B": dW_B, "W_C": dW_C, "W_z": dW_z, "A_log": dA_log, "D": dD}
