# Phased LSTM (Neil, Pfeiffer, Liu 2016): an LSTM whose memory is written while a clock of its own is open; period, shift
# and ratio are learned. Rows [x, h], one matrix for the gates i f g o; timestamps are data; squared error on the outputs.
import numpy as np

T, B, D, H = 5, 2, 2, 3
ALPHA = 0.05
TIMES = np.array([0.4, 1.1, 2.7, 3.2, 4.9])


def inputs(rng):
    return {
        "W": rng.standard_normal((D + H, 4 * H)), "b": rng.standard_normal(4 * H),
        "tau": np.array([2.3, 4.1, 5.7]), "shift": np.array([0.33, 0.21, 0.87]), "r_on": np.array([0.6, 0.5, 0.7]),
        "x": rng.standard_normal((T, B, D)), "h0": rng.standard_normal((B, H)), "c0": rng.standard_normal((B, H)),
        "target": rng.standard_normal((T, B, H)),
    }


def sigm(a):
    return 1 / (1 + np.exp(-a))


def openness(time, tau, shift, r_on):
    phi = np.mod(time - shift, tau) / tau  # (1)
    up, down = phi < r_on / 2, (phi >= r_on / 2) & (phi < r_on)
    k = np.where(up, 2 * phi / r_on, np.where(down, 2 - 2 * phi / r_on, ALPHA * phi))  # (2)
    return phi, up, down, k


def run(p):
    h, c = p["h0"], p["c0"]
    total, tape = 0.0, []
    for t in range(T):
        phi, up, down, k = openness(TIMES[t], p["tau"], p["shift"], p["r_on"])
        z = np.hstack([p["x"][t], h])
        a = z @ p["W"] + p["b"]  # (3)
        i = sigm(a[:, :H])  # (4)
        f = sigm(a[:, H:2 * H])  # (5)
        g = np.tanh(a[:, 2 * H:3 * H])  # (6)
        o = sigm(a[:, 3 * H:])  # (7)
        c_new = f * c + i * g  # (8)
        h_new = o * np.tanh(c_new)  # (9)
        kept = (z, h, c, phi, up, down, k, i, f, g, o, c_new, h_new)
        c = k * c_new + (1 - k) * c  # (10)
        h = k * h_new + (1 - k) * h  # (11)
        total += 0.5 * ((h - p["target"][t]) ** 2).sum()  # (12)
        tape.append((*kept, h))
    return total, tape


def loss(p):
    return run(p)[0]


def gradients(p):
    _, tape = run(p)
    dW, db, dtau, dshift, dr = (np.zeros_like(p[k]) for k in ("W", "b", "tau", "shift", "r_on"))
    dx, dtarget = np.zeros_like(p["x"]), np.zeros_like(p["target"])
    dh, dc = np.zeros((B, H)), np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        z, h_prev, c_prev, phi, up, down, k, i, f, g, o, c_new, h_new, h = tape[t]
        dh = dh + h - p["target"][t]  # <- (3) + (11), (12), (12)
        dtarget[t] = p["target"][t] - h  # <- (12)
        dh_new = dh * k  # <- (11)
        dk = (dh * (h_new - h_prev)).sum(0) + (dc * (c_new - c_prev)).sum(0)  # <- (11), (10)
        dc_new = dc * k + dh_new * o * (1 - np.tanh(c_new) ** 2)  # <- (10), (9)
        do = dh_new * np.tanh(c_new)  # <- (9)
        di = dc_new * g  # <- (8)
        df = dc_new * c_prev  # <- (8)
        dg = dc_new * i  # <- (8)
        dai = di * i * (1 - i)  # <- (4)
        daf = df * f * (1 - f)  # <- (5)
        dag = dg * (1 - g ** 2)  # <- (6)
        dao = do * o * (1 - o)  # <- (7)
        da = np.hstack([dai, daf, dag, dao])
        dW += z.T @ da  # <- (3)
        db += da.sum(0)  # <- (3)
        dz = da @ p["W"].T  # <- (3)
        dx[t] = dz[:, :D]  # <- (3)
        dh = dh * (1 - k) + dz[:, D:]  # <- (11), (3)
        dc = dc * (1 - k) + dc_new * f  # <- (10), (8)
        dphi = dk * np.where(up, 2 / p["r_on"], np.where(down, -2 / p["r_on"], ALPHA))  # <- (2)
        dr += dk * np.where(up, -1.0, np.where(down, 1.0, 0.0)) * 2 * phi / p["r_on"] ** 2  # <- (2)
        dshift -= dphi / p["tau"]  # <- (1)
        dtau -= dphi * (TIMES[t] - p["shift"]) / p["tau"] ** 2  # <- (1)
    return {"W": dW, "b": db, "tau": dtau, "shift": dshift, "r_on": dr, "x": dx, "h0": dh, "c0": dc, "target": dtarget}
