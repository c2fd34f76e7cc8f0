# expect: 1
# never: cut off
# A batch of two lengths, padded; the claim has the derivative of tanh wrong, and nothing is cut off.
import numpy as np
lengths = np.array([4, 2])
def inputs(rng): return {"w": rng.normal(size=3), "u": rng.normal(size=3) / 2, "x": rng.normal(size=(4, 2, 3)), "h0": rng.normal(size=(2, 3))}
def run(i):
    h, tape = i["h0"], []
    for t in range(4):
        on = (t < lengths)[:, None] * 1.0
        prev, new = h, np.tanh(i["x"][t] * i["w"] + h * i["u"])
        h = on * new + (1 - on) * h
        tape.append((prev, new, on))
    return h, tape
def forward(i): return run(i)[0]
def backward(i, dh):
    d = {k: np.zeros_like(v) for k, v in i.items()}
    for t, (prev, new, on) in reversed(list(enumerate(run(i)[1]))):
        da = on * dh * (1 - new)
        d["w"] += (da * i["x"][t]).sum(0)
        d["u"] += (da * prev).sum(0)
        d["x"][t] = da * i["w"]
        dh = (1 - on) * dh + da * i["u"]
    d["h0"] = dh
    return d
