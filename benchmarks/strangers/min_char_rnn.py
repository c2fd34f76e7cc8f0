"""A character model in the manner of Karpathy's min-char-rnn (2015): NumPy, dicts by time step, column vectors; no size
divides another."""

import numpy as np

hidden_size, vocab_size, seq_length = 100, 65, 25
chars = np.random.RandomState(1).randint(vocab_size, size=seq_length + 1)
xs_index, targets = chars[:-1], chars[1:]


def inputs(rng):
    return {
        "Wxh": rng.standard_normal((hidden_size, vocab_size)) * 0.1,
        "Whh": rng.standard_normal((hidden_size, hidden_size)) * 0.1,
        "Why": rng.standard_normal((vocab_size, hidden_size)) * 0.1,
        "bh": rng.standard_normal((hidden_size, 1)) * 0.1,
        "by": rng.standard_normal((vocab_size, 1)) * 0.1,
        "hprev": rng.standard_normal((hidden_size, 1)) * 0.1,
    }


def run(p):
    xs, hs, ps, total = {}, {-1: np.copy(p["hprev"])}, {}, 0
    for t in range(seq_length):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][xs_index[t]] = 1
        hs[t] = np.tanh(p["Wxh"] @ xs[t] + p["Whh"] @ hs[t - 1] + p["bh"])
        y = p["Why"] @ hs[t] + p["by"]
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        total += -np.log(ps[t][targets[t], 0])
    return total, xs, hs, ps


def loss(p):
    return run(p)[0]


def gradients(p):
    _, xs, hs, ps = run(p)
    dWxh, dWhh, dWhy = np.zeros_like(p["Wxh"]), np.zeros_like(p["Whh"]), np.zeros_like(p["Why"])
    dbh, dby, dhnext = np.zeros_like(p["bh"]), np.zeros_like(p["by"]), np.zeros_like(p["bh"])
    for t in reversed(range(seq_length)):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = p["Why"].T @ dy + dhnext
        draw = (1 - hs[t] * hs[t]) * dh
        dbh += draw
        dWxh += draw @ xs[t].T
        dWhh += draw @ hs[t - 1].T
        dhnext = p["Whh"].T @ draw
    return {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby, "hprev": dhnext}
