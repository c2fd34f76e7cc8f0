# expect: 1
# says: what 1 - a hands back to a is missing
# A line that reads a gate twice, and returns: one of the two terms is forgotten, and not the whole gradient.
import numpy as np
STEPS, UNITS = 5, 3
def mix(a, h, x):
    return (1 - a) * h + a * x
def inputs(rng): return dict(tau=rng.standard_normal(UNITS), x=rng.standard_normal((STEPS, UNITS)))
def gate(tau): return 1 / (1 + np.exp(-tau))
def forward(i):
    a, h = gate(i["tau"]), np.zeros(UNITS)
    for x in i["x"]:
        h = mix(a, h, x)
    return h
def backward(i, dh):
    a, da, dx = gate(i["tau"]), np.zeros(UNITS), np.zeros_like(i["x"])
    for t in reversed(range(STEPS)):
        da += dh * i["x"][t]
        dx[t] = dh * a
        dh = dh * (1 - a)
    return dict(tau=da * a * (1 - a), x=dx)
