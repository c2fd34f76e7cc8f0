"""A Neural Turing Machine with one head (Graves, Wayne, Danihelka 2014): a tanh controller that reads what the head read
last, content addressing by cosine similarity, interpolation, a circular shift, sharpening, then erase, add and read."""
import numpy as np

T, D, C, N, M = 4, 2, 3, 5, 3
SHIFTS = (-1, 0, 1)


def inputs(rng):
    n = lambda *s: 0.7 * rng.standard_normal(s)
    return {
        "Wx": n(C, D), "Wr": n(C, M), "b": n(C), "Wk": n(M, C), "Wbeta": n(C), "Wg": n(C), "Ws": n(3, C), "Wgamma": n(C),
        "We": n(M, C), "Wa": n(M, C), "memory": 1 + n(N, M), "w": np.array([0.1, 0.3, 0.2, 0.15, 0.25]), "r": n(M), "x": n(T, D),
    }


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def softplus(v):
    return np.log(1 + np.exp(v))


def softmax(v):
    return np.exp(v) / np.exp(v).sum()


def run(p):
    mem, w, r, tape, reads = p["memory"], p["w"], p["r"], [], []
    for x in p["x"]:
        q = dict(x=x, r=r, w_prev=w, mem=mem)
        q["c"] = c = np.tanh(p["Wx"] @ x + p["Wr"] @ r + p["b"])  # (1)
        q["k"] = k = p["Wk"] @ c  # (2)
        q["beta"] = beta = softplus(p["Wbeta"] @ c)  # (3)
        q["g"] = g = sigmoid(p["Wg"] @ c)  # (4)
        q["s"] = s = softmax(p["Ws"] @ c)  # (5)
        q["gamma"] = gamma = 1 + softplus(p["Wgamma"] @ c)  # (6)
        q["e"] = e = sigmoid(p["We"] @ c)  # (7)
        q["a"] = a = p["Wa"] @ c  # (8)
        q["nk"] = nk = np.sqrt(k @ k)  # (9)
        q["nm"] = nm = np.sqrt((mem * mem).sum(axis=1))  # (10)
        q["K"] = K = mem @ k / (nm * nk)  # (11)
        q["wc"] = wc = softmax(beta * K)  # (12)
        q["wg"] = wg = g * wc + (1 - g) * w  # (13)
        q["ws"] = ws = sum(s[j] * np.roll(wg, SHIFTS[j]) for j in range(3))  # (14)
        q["pw"] = pw = ws ** gamma  # (15)
        q["w"] = w = pw / pw.sum()  # (16)
        q["new"] = mem = mem * (1 - np.outer(w, e)) + np.outer(w, a)  # (17)
        r = mem.T @ w  # (18)
        reads.append(r)
        tape.append(q)
    return np.stack(reads), tape


def forward(p):
    return run(p)[0]


def backward(p, dreads):
    tape = run(p)[1]
    d = {k: np.zeros_like(v) for k, v in p.items()}
    dmem, dw_next, dr = np.zeros_like(p["memory"]), np.zeros_like(p["w"]), np.zeros_like(p["r"])
    for t in reversed(range(T)):
        q = tape[t]
        c, mem, w, wg, k, K = q["c"], q["mem"], q["w"], q["wg"], q["k"], q["K"]
        dr = dr + dreads[t]
        dmem = dmem + np.outer(w, dr)  # <- (10) + (11) + (17), (18)
        dw = dw_next + q["new"] @ dr  # <- (13), (18)
        de = -(dmem * mem).T @ w  # <- (17)
        da = dmem.T @ w  # <- (17)
        dw = dw - (dmem * mem) @ q["e"] + dmem @ q["a"]  # <- (13) + (18), (17), (17)
        dmem_prev = dmem * (1 - np.outer(w, q["e"]))  # <- (17)
        dpw = (dw - dw @ w) / q["pw"].sum()  # <- (16)
        dws = dpw * q["gamma"] * q["pw"] / q["ws"]  # <- (15)
        dgamma = np.sum(dpw * q["pw"] * np.log(q["ws"]))  # <- (15)
        ds = np.array([dws @ np.roll(wg, j) for j in SHIFTS])  # <- (14)
        dwg = sum(q["s"][j] * np.roll(dws, -SHIFTS[j]) for j in range(3))  # <- (14)
        dg = dwg @ (q["wc"] - q["w_prev"])  # <- (13)
        dwc = dwg * q["g"]  # <- (13)
        dw_next = dwg * (1 - q["g"])  # <- (13)
        dsim = q["wc"] * (dwc - dwc @ q["wc"])  # <- (12)
        dbeta = dsim @ K  # <- (12)
        dK = dsim * q["beta"]  # <- (12)
        dk = (dK / (q["nm"] * q["nk"])) @ mem  # <- (11)
        dnk = -np.sum(dK * K) / q["nk"]  # <- (11)
        dnm = -dK * K / q["nm"]  # <- (11)
        dk = dk + dnk * k / q["nk"]  # <- (11), (9)
        dmem_prev = dmem_prev + np.outer(dK / (q["nm"] * q["nk"]), k)  # <- (17), (11)
        dmem_prev = dmem_prev + (dnm / q["nm"])[:, None] * mem  # <- (11) + (17), (10)
        pbeta = dbeta * sigmoid(p["Wbeta"] @ c)  # <- (3)
        pg = dg * q["g"] * (1 - q["g"])  # <- (4)
        ps = q["s"] * (ds - ds @ q["s"])  # <- (5)
        pgamma = dgamma * sigmoid(p["Wgamma"] @ c)  # <- (6)
        pe = de * q["e"] * (1 - q["e"])  # <- (7)
        d["Wk"] += np.outer(dk, c)  # <- (2)
        d["Wbeta"] += pbeta * c  # <- (3)
        d["Wg"] += pg * c  # <- (4)
        d["Ws"] += np.outer(ps, c)  # <- (5)
        d["Wgamma"] += pgamma * c  # <- (6)
        d["We"] += np.outer(pe, c)  # <- (7)
        d["Wa"] += np.outer(da, c)  # <- (8)
        dc = p["Wk"].T @ dk + pbeta * p["Wbeta"] + pg * p["Wg"] + p["Ws"].T @ ps  # <- (2), (3), (4), (5)
        dc = dc + pgamma * p["Wgamma"] + p["We"].T @ pe + p["Wa"].T @ da  # <- (2) + (3) + (4) + (5), (6), (7), (8)
        dpre = dc * (1 - c * c)  # <- (1)
        d["Wx"] += np.outer(dpre, q["x"])  # <- (1)
        d["Wr"] += np.outer(dpre, q["r"])  # <- (1)
        d["b"] += dpre  # <- (1)
        d["x"][t] = p["Wx"].T @ dpre  # <- (1)
        dr = p["Wr"].T @ dpre  # <- (1)
        dmem = dmem_prev
    d["memory"], d["w"], d["r"] = dmem, dw_next, dr
    return d
