# expect: 1
# A factor of two of the smallest gradient among large ones.
import math
inputs = {"d1": 350e-9, "d2": 410e-9, "n": 1.46}
lam = 632.8e-9
def loss(i):
    a = 2 * math.pi * float(i["n"]) / lam
    return math.sin(a * float(i["d1"])) ** 2 * math.cos(a * float(i["d2"]))
def gradients(i):
    n, d1, d2 = float(i["n"]), float(i["d1"]), float(i["d2"])
    a = 2 * math.pi * n / lam
    s, c = math.sin(a * d1), math.cos(a * d2)
    ds, dc = a * math.cos(a * d1), -a * math.sin(a * d2)
    da = 2 * s * c * d1 * math.cos(a * d1) - s * s * d2 * math.sin(a * d2)
    return {"d1": 2 * s * c * ds, "d2": s * s * dc, "n": da * math.pi / lam}
