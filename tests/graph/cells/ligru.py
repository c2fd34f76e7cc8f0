"""Light GRU (Ravanelli, Brakel, Omologo, Bengio 2018): no reset gate, a ReLU candidate, batch normalisation of what comes
from the input, over the batch and the frames. Modules in a small framework of one's own."""
import numpy as np


def inputs(rng):
    T, B, D, H = 4, 3, 2, 3
    p = {}
    for k in ("z", "h"):
        p[f"W{k}"] = rng.standard_normal((D, H))
        p[f"U{k}"] = 0.6 * rng.standard_normal((H, H))
        p[f"gamma_{k}"] = 1 + 0.3 * rng.standard_normal(H)
        p[f"beta_{k}"] = 0.3 * rng.standard_normal(H)
    return p | {"x": rng.standard_normal((T, B, D)), "h0": rng.standard_normal((B, H))}


class BatchNorm:
    eps = 1e-2

    def forward(self, v, gamma, beta):
        self.shape = v.shape
        flat = v.reshape(-1, v.shape[-1])
        mean = flat.mean(axis=0)  # (m)
        centred = flat - mean  # (c)
        var = (centred ** 2).mean(axis=0)  # (v)
        self.std = np.sqrt(var + self.eps)  # (s)
        self.hat = centred / self.std  # (h)
        self.gamma = gamma
        return (gamma * self.hat + beta).reshape(v.shape)  # (n)

    def backward(self, bar):
        bar = bar.reshape(-1, self.shape[-1])
        n = len(bar)
        dgamma = (bar * self.hat).sum(axis=0)  # <- (n)
        dbeta = bar.sum(axis=0)  # <- (n)
        dhat = bar * self.gamma  # <- (n)
        dstd = -(dhat * self.hat / self.std).sum(axis=0)  # <- (h)
        dvar = dstd / (2 * self.std)  # <- (s)
        dcentred = dhat / self.std + 2 * dvar * self.hat * self.std / n  # <- (h), (v)
        dflat = dcentred - dcentred.sum(axis=0) / n  # <- (c), (m)
        return dflat.reshape(self.shape), dgamma, dbeta


class LiGRU:
    def __init__(self):
        self.norm_z, self.norm_h = BatchNorm(), BatchNorm()

    def forward(self, p):
        self.p = p
        wz = self.norm_z.forward(p["x"] @ p["Wz"], p["gamma_z"], p["beta_z"])  # (1)
        wh = self.norm_h.forward(p["x"] @ p["Wh"], p["gamma_h"], p["beta_h"])  # (2)
        self.hs, self.z, self.a = [p["h0"]], [], []
        for t in range(len(wz)):
            h = self.hs[-1]
            z = 1 / (1 + np.exp(-(wz[t] + h @ p["Uz"])))  # (3)
            a = wh[t] + h @ p["Uh"]  # (4)
            c = np.maximum(a, 0)  # (5)
            self.hs.append(z * h + (1 - z) * c)  # (6)
            self.z.append(z)
            self.a.append(a)
        return np.stack(self.hs[1:])

    def backward(self, bars):
        p = self.p
        dUz, dUh = np.zeros_like(p["Uz"]), np.zeros_like(p["Uh"])
        dwz, dwh = np.zeros_like(bars), np.zeros_like(bars)
        dh = np.zeros_like(p["h0"])
        for t in reversed(range(len(bars))):
            h, z, a = self.hs[t], self.z[t], self.a[t]
            dh = dh + bars[t]
            dc = dh * (1 - z)  # <- (6)
            dz = dh * (h - np.maximum(a, 0))  # <- (6)
            da = dc * (a > 0)  # <- (5)
            dp = dz * z * (1 - z)  # <- (3)
            dUz += h.T @ dp  # <- (3)
            dUh += h.T @ da  # <- (4)
            dwz[t] = dp  # <- (3)
            dwh[t] = da  # <- (4)
            dh = dh * z + dp @ p["Uz"].T + da @ p["Uh"].T  # <- (6), (3), (4)
        dxz, dgamma_z, dbeta_z = self.norm_z.backward(dwz)
        dxh, dgamma_h, dbeta_h = self.norm_h.backward(dwh)
        dWz = np.einsum("tbd,tbh->dh", p["x"], dxz)  # <- (1)
        dWh = np.einsum("tbd,tbh->dh", p["x"], dxh)  # <- (2)
        dx = dxz @ p["Wz"].T + dxh @ p["Wh"].T  # <- (1), (2)
        return {"Wz": dWz, "Wh": dWh, "Uz": dUz, "Uh": dUh, "gamma_z": dgamma_z, "beta_z": dbeta_z, "gamma_h": dgamma_h, "beta_h": dbeta_h, "x": dx, "h0": dh}


net = LiGRU()


def forward(p):
    return net.forward(p)


def backward(p, bars):
    return net.backward(bars)
