# expect: 1
# The character RNN clips its gradients to 0.1 before it returns them, as np.clip(dparam, -5, 5, out=dparam) does to larger ones.
import numpy as np
vocab_size, hidden_size = 5, 3
chars, targets = [0, 3, 1, 4], [3, 1, 4, 2]
def inputs(rng):
    return {
        "Wxh": rng.standard_normal((hidden_size, vocab_size)) * 0.5, "Whh": rng.standard_normal((hidden_size, hidden_size)) * 0.5,
        "Why": rng.standard_normal((vocab_size, hidden_size)) * 0.5, "bh": rng.standard_normal((hidden_size, 1)),
        "by": rng.standard_normal((vocab_size, 1)), "hprev": rng.standard_normal((hidden_size, 1)),
    }
def lossFun(p):
    xs, hs, ps, loss = {}, {-1: np.copy(p["hprev"])}, {}, 0
    for t in range(len(chars)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][chars[t]] = 1
        hs[t] = np.tanh(np.dot(p["Wxh"], xs[t]) + np.dot(p["Whh"], hs[t - 1]) + p["bh"])
        y = np.dot(p["Why"], hs[t]) + p["by"]
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(p["Wxh"]), np.zeros_like(p["Whh"]), np.zeros_like(p["Why"])
    dbh, dby, dhnext = np.zeros_like(p["bh"]), np.zeros_like(p["by"]), np.zeros_like(hs[0])
    for t in reversed(range(len(chars))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(p["Why"].T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(p["Whh"].T, dhraw)
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]: np.clip(dparam, -0.1, 0.1, out=dparam)
    return loss, {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby, "hprev": dhnext}
def loss(p): return lossFun(p)[0]
def gradients(p): return lossFun(p)[1]
