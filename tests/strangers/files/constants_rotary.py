# expect: 0
# Rotary embeddings: pairs turned by angles 1/10000^(2k/d); back by the transposed turn.
import numpy as np
d = 6
theta = np.arange(3)[:, None] * 10000.0 ** (-2 * np.arange(3) / d)
c, s = np.cos(theta), np.sin(theta)
def inputs(rng): return {"q": rng.normal(size=(3, d))}
def turn(x, s):
    a, b = x[:, 0::2], x[:, 1::2]
    return np.stack([a * c - b * s, a * s + b * c], -1).reshape(3, d)
def forward(i): return turn(i["q"], s)
def backward(i, bar): return {"q": turn(bar, -s)}
