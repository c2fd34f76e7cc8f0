"""JANET (van der Westhuizen & Lasenby 2018, "The unreasonable effectiveness of the forget gate"), as a layer object.

Batch first; one buffer of T + 1 states; squared error at every step. BETA is the paper's constant: what is let in is
less than what is let go.
"""
import numpy as np

T, B, D, H, K = 5, 2, 3, 4, 2
BETA = 1.0


def inputs(rng):
    return {
        "Wf": 0.6 * rng.standard_normal((D, H)), "Uf": 0.6 * rng.standard_normal((H, H)), "bf": rng.standard_normal(H),
        "Wc": 0.6 * rng.standard_normal((D, H)), "Uc": 0.6 * rng.standard_normal((H, H)), "bc": rng.standard_normal(H),
        "V": rng.standard_normal((H, K)), "bv": rng.standard_normal(K),
        "x": rng.standard_normal((B, T, D)), "c0": rng.standard_normal((B, H)), "target": rng.standard_normal((B, T, K)),
    }


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


class JANET:
    def forward(self, p):
        self.p = p
        self.f, self.i, self.g = (np.zeros((T, B, H)) for _ in range(3))
        self.c = np.zeros((T + 1, B, H))
        self.err = np.zeros((T, B, K))
        self.c[0] = p["c0"]
        loss = 0.0
        for t in range(T):
            x = p["x"][:, t]
            s = x @ p["Wf"] + self.c[t] @ p["Uf"] + p["bf"]  # (1)
            self.f[t] = sigmoid(s)  # (2)
            self.i[t] = 1 - sigmoid(s - BETA)  # (3)
            self.g[t] = np.tanh(x @ p["Wc"] + self.c[t] @ p["Uc"] + p["bc"])  # (4)
            self.c[t + 1] = self.f[t] * self.c[t] + self.i[t] * self.g[t]  # (5)
            self.err[t] = self.c[t + 1] @ p["V"] + p["bv"] - p["target"][:, t]  # (6)
            loss += 0.5 * np.sum(self.err[t] ** 2) / B  # (7)
        return loss

    def backward(self):
        p, d = self.p, {k: np.zeros_like(v) for k, v in self.p.items()}
        dc_next = np.zeros((B, H))
        for t in reversed(range(T)):
            x = p["x"][:, t]
            c_prev, f, i, g = self.c[t], self.f[t], self.i[t], self.g[t]
            derr = self.err[t] / B  # <- (7)
            d["V"] += self.c[t + 1].T @ derr  # <- (6)
            d["bv"] += derr.sum(axis=0)  # <- (6)
            d["target"][:, t] = -derr  # <- (6)
            dc = derr @ p["V"].T + dc_next  # <- (6), (1)+(4)+(5)
            df = dc * c_prev  # <- (5)
            di = dc * g  # <- (5)
            dg = dc * i  # <- (5)
            ds = df * f * (1 - f) - di * i * (1 - i)  # <- (2), (3)
            da = dg * (1 - g * g)  # <- (4)
            d["Wf"] += x.T @ ds  # <- (1)
            d["Uf"] += c_prev.T @ ds  # <- (1)
            d["bf"] += ds.sum(axis=0)  # <- (1)
            d["Wc"] += x.T @ da  # <- (4)
            d["Uc"] += c_prev.T @ da  # <- (4)
            d["bc"] += da.sum(axis=0)  # <- (4)
            d["x"][:, t] = ds @ p["Wf"].T + da @ p["Wc"].T  # <- (1), (4)
            dc_next = dc * f + ds @ p["Uf"].T + da @ p["Uc"].T  # <- (5), (1), (4)
        d["c0"] = dc_next
        return d


layer = JANET()


def loss(p):
    return layer.forward(p)


def gradients(p):
    return layer.backward()
