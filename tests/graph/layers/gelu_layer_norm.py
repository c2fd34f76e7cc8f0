# A dense layer, layer norm with gain and bias, GELU by tanh: whole functions with derivatives of their own.
# slip: dy = dout * gelu_grad(y) => dy = dout ¦ activation's derivative missing ¦ return gelu(y)
# slip: gelu_grad(y) => gelu_grad(n) ¦ activation's derivative at another value ¦ return gelu(y)
# slip: (1 - t**2) * np.sqrt(2 / np.pi) => (1 - t**2) ¦ factor missing ¦ return 0.5 * v
# slip: (1 - t**2) => (1 - t) ¦ activation's derivative of another activation ¦ return 0.5 * v
# slip: da = (dn - dn.mean(-1, keepdims=True) - n => da = (dn - n ¦ dropped ¦ mu = a.mean
# slip: - n * (dn * n).mean(-1, keepdims=True)) => ) ¦ dropped ¦ sd = np.sqrt
# slip: dg, db = (dy * n).sum(0) => dg, db = (dy * y).sum(0) ¦ other factor ¦ return n * g + b
import numpy as np

B, D, H = 3, 4, 5

def inputs(rng):
    return {"x": rng.standard_normal((B, D)), "W": rng.standard_normal((D, H)), "g": rng.standard_normal(H), "b": rng.standard_normal(H)}

def gelu(v):
    return 0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)))

def gelu_grad(v):
    t = np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))
    return 0.5 * (1 + t) + 0.5 * v * (1 - t**2) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * v**2)

def layer_norm(a, g, b):
    mu = a.mean(-1, keepdims=True)
    sd = np.sqrt(a.var(-1, keepdims=True) + 1e-5)
    n = (a - mu) / sd
    return n * g + b, n, sd

def forward(p):
    a = p["x"] @ p["W"]
    y, n, sd = layer_norm(a, p["g"], p["b"])
    return gelu(y)

def backward(p, dout):
    a = p["x"] @ p["W"]
    y, n, sd = layer_norm(a, p["g"], p["b"])
    dy = dout * gelu_grad(y)
    dg, db = (dy * n).sum(0), dy.sum(0)
    dn = dy * p["g"]
    da = (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True)) / sd
    return {"x": da @ p["W"].T, "W": p["x"].T @ da, "g": dg, "b": db}
