# A ring of cells, each driven by its two neighbours and its own input; states in one array, indexed by time and place.
# slip: g[t, i - 1] += p["left"][i] * da => g[t, i - 1] += p["left"][i - 1] * da ¦ neighbour's ¦ p["left"][i] * s[t, i - 1]
# slip: d["right"][i] += da * s[t, (i + 1) % N] => d["right"][i] += da * s[t, i] ¦ equal gradients ¦ p["right"][i] * s[t, (i + 1) % N]
# slip: d["own"][i] += da * s[t, i] => d["own"][i] += da * s[t, i - 1] ¦ equal gradients ¦ p["own"][i] * s[t, i]
# slip: da = g[t + 1, i] * (1 - s[t + 1, i] ** 2) => da = g[t + 1, i] * (1 - s[t + 1, i - 1] ** 2) ¦ activation's derivative at another value ¦ np.tanh(
import numpy as np

T, N = 4, 5


def inputs(rng):
    return {k: rng.standard_normal(N) for k in ("left", "own", "right")} | {"u": rng.standard_normal((T, N))}


def run(p):
    s = np.zeros((T + 1, N))
    for t in range(T):
        for i in range(N):
            a = p["left"][i] * s[t, i - 1]
            a = a + p["own"][i] * s[t, i]
            a = a + p["right"][i] * s[t, (i + 1) % N]
            s[t + 1, i] = np.tanh(a + p["u"][t, i])
    return s


def loss(p):
    return (run(p)[1:] ** 3).sum()


def gradients(p):
    s = run(p)
    d, g = {k: np.zeros(v.shape) for k, v in p.items()}, np.zeros((T + 1, N))
    g[1:] = 3 * s[1:] ** 2
    for t in reversed(range(T)):
        for i in reversed(range(N)):
            da = g[t + 1, i] * (1 - s[t + 1, i] ** 2)
            d["u"][t, i] = da
            d["left"][i] += da * s[t, i - 1]
            d["own"][i] += da * s[t, i]
            d["right"][i] += da * s[t, (i + 1) % N]
            g[t, i - 1] += p["left"][i] * da
            g[t, i] += p["own"][i] * da
            g[t, (i + 1) % N] += p["right"][i] * da
    return d
