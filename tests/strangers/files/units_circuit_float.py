# expect: 0
# Kilo-ohms, picofarads, megahertz.
import math
inputs = {"R": 4.7e3, "C": 22e-12, "f": 1e6}
def loss(i):
    w = 2 * math.pi * float(i["f"]) * float(i["R"]) * float(i["C"])
    return -10 * math.log10(1 + w * w)
def gradients(i):
    R, C, f = float(i["R"]), float(i["C"]), float(i["f"])
    w = 2 * math.pi * f * R * C
    k = -20 / math.log(10) * w / (1 + w * w)
    return {"R": k * w / R, "C": k * w / C, "f": k * w / f}
