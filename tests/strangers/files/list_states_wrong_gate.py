# expect: 1
# says: what c hands back to c is multiplied with
# An LSTM of one unit in Python's floats: the cell is carried by the input gate. The first step's weights of states have no part in it.
import math
def sig(v): return 1 / (1 + math.exp(-v))
inputs = {"w": [0.3, -0.8, 0.5, 1.1], "u": [0.7, -0.2, 0.4, 0.9], "b": [0.1, 0.5, -0.3, 0.2], "x": [0.5, -1.0, 0.8]}
def run(p):
    h = c = 0.0
    tape = []
    for x in p["x"]:
        i, f, o = (sig(p["w"][k] * x + p["u"][k] * h + p["b"][k]) for k in range(3))
        g = math.tanh(p["w"][3] * x + p["u"][3] * h + p["b"][3])
        tape.append((x, h, c, i, f, o, g))
        c = f * c + i * g
        h = o * math.tanh(c)
    return h, c, tape
def loss(p): return run(p)[0] ** 2
def gradients(p):
    h, c, tape = run(p)
    dw, du, db, dx = [0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] * 3
    dh, dc = 2 * h, 0.0
    for t in (2, 1, 0):
        x, hp, cp, i, f, o, g = tape[t]
        tc = math.tanh(f * cp + i * g)
        dc += dh * o * (1 - tc * tc)
        da = [dc * g * i * (1 - i), dc * cp * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g * g)]
        dh = 0.0
        for k in range(4):
            dw[k] += da[k] * x
            du[k] += da[k] * hp
            db[k] += da[k]
            dx[t] += da[k] * p["w"][k]
            dh += da[k] * p["u"][k]
        dc = dc * i
    return {"w": dw, "u": du, "b": db, "x": dx}
