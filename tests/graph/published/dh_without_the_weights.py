# edge: pre = inp + W * hidden
# edit: factor missing
# A diagonal recurrence whose W is a vector: dh goes back multiplied by nothing, `for` over zip of reversed lists.
import numpy as np


def inputs(rng):
    return {"W": rng.standard_normal(4), "seq": rng.standard_normal((5, 4)), "h0": rng.standard_normal(4)}


def loop(p):
    W, hidden, olds, news = p["W"], p["h0"], [], []
    for inp in p["seq"]:
        olds.append(hidden)
        pre = inp + W * hidden
        hidden = pre / np.sqrt(1 + pre**2)
        news.append(hidden)
    return olds, news


def forward(p):
    return np.array(loop(p)[1])


def backward(p, douts):
    olds, news = loop(p)
    dW, dseq, dhidden = np.zeros(4), [], np.zeros(4)
    for old, new, dout in zip(reversed(olds), reversed(news), douts[::-1]):
        dpre = (dhidden + dout) * (1 - new**2) ** 1.5
        dW = dW + dpre * old
        dseq = [dpre, *dseq]
        dhidden = dpre
    return {"W": dW, "seq": np.array(dseq), "h0": dhidden}
