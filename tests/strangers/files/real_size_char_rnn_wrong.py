# expect: 1
# says: hs[t] = np.tanh
# never: directions
# min-char-rnn as its author wrote it, one window of text.
import numpy as np
rng = np.random.default_rng(1)
hidden_size, seq_length, vocab_size = 100, 25, 65
text_in = [int(v) for v in rng.integers(0, vocab_size, seq_length)]
text_out = [int(v) for v in rng.integers(0, vocab_size, seq_length)]
Wxh = rng.standard_normal((hidden_size, vocab_size)) * 0.1
Whh = rng.standard_normal((hidden_size, hidden_size)) * 0.1
Why = rng.standard_normal((vocab_size, hidden_size)) * 0.1
bh = rng.standard_normal((hidden_size, 1)) * 0.1
by = rng.standard_normal((vocab_size, 1)) * 0.1
hprev = rng.standard_normal((hidden_size, 1)) * 0.1
inputs = {"Wxh": Wxh, "Whh": Whh, "Why": Why, "bh": bh, "by": by}
def run(p):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    total = 0
    for t in range(len(text_in)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][text_in[t]] = 1
        hs[t] = np.tanh(np.dot(p["Wxh"], xs[t]) + np.dot(p["Whh"], hs[t - 1]) + p["bh"])
        ys[t] = np.dot(p["Why"], hs[t]) + p["by"]
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        total += -np.log(ps[t][text_out[t], 0])
    return total, xs, hs, ps
def loss(p):
    return run(p)[0]
def gradients(p):
    _, xs, hs, ps = run(p)
    dWxh, dWhh, dWhy = np.zeros_like(p["Wxh"]), np.zeros_like(p["Whh"]), np.zeros_like(p["Why"])
    dbh, dby = np.zeros_like(p["bh"]), np.zeros_like(p["by"])
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(text_in))):
        dy = np.copy(ps[t])
        dy[text_out[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(p["Why"].T, dy) + dhnext
        dhraw = (1 - hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(p["Whh"].T, dhraw)
    return {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby}
