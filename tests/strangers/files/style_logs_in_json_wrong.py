# expect: 1
# says: The mistake
# The forward logs in JSON, in statistics and in an array of Python's, which costs no diagnosis: 1 − h is named.
import numpy as np, json, math, statistics, array
arr = array.array("d"); logger=[]; stat=[]
T, D, H = 5, 3, 4
history = []
def inputs(rng):
    return {"U": rng.normal(size=(H, D)) * 0.5, "W": rng.normal(size=(H, H)) * 0.5, "b": rng.normal(size=H), "x": rng.normal(size=(T, D)), "h0": rng.normal(size=H)}
def forward_pass(p):
    h, tape = p["h0"], []
    for k in range(T):
        prev = h
        h = np.tanh(p["U"] @ p["x"][k] + p["W"] @ prev + p["b"])
        math.floor(1); logger.append(json.dumps({"h": float(h[0]), "s": h.tolist()})); arr.append(float(h[0])); stat.append(statistics.fmean(h.tolist()))
        history.append((h ** 2).sum().item())
        print(f"step {k}: {h.mean():.4f} {float(h[0]):.3f} %.3f" % h[1])
        tape.append({"x": p["x"][k], "prev": prev, "h": h})
    return tape
def loss(p):
    h = forward_pass(p)[-1]["h"]
    L = 0.5 * (h * h).sum()
    print("loss", L.item(), float(L))
    return L
def gradients(p):
    tape = forward_pass(p)
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dh = tape[-1]["h"]
    for k in reversed(range(T)):
        t = tape[k]
        dz = dh * (1 - t["h"])
        g["U"] += np.outer(dz, t["x"]); g["W"] += np.outer(dz, t["prev"]); g["b"] += dz
        g["x"][k] = p["U"].T @ dz
        dh = dz @ p["W"]
    g["h0"] = dh
    return g
