# expect: 1 or 2
# never: exact gradient
# Half as much again of a gradient that is 1e-14 of the largest.
import math
inputs = {"R": 4.7e3, "C": 22e-12, "f": 1e6}
def loss(i):
    w = 2 * math.pi * float(i["f"]) * float(i["R"]) * float(i["C"])
    return -10 * math.log10(1 + w * w)
def gradients(i):
    R, C, f = float(i["R"]), float(i["C"]), float(i["f"])
    w = 2 * math.pi * f * R * C
    k = -20 / math.log(10) * w / (1 + w * w)
    return {"R": 1.5 * k * w / R, "C": k * w / C, "f": k * w / f}
