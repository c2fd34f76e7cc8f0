# expect: 1
# Packed through struct as C floats, and a claim that is one and a half per cent off.
import struct
import numpy as np
inputs = {"x": np.array([0.5, -1.5, 0.3])}
def loss(i):
    raw = struct.pack("3f", *(float(np.exp(v)) for v in i["x"]))
    return sum(struct.unpack("3f", raw))
def gradients(i): return {"x": 1.015 * np.exp(np.asarray(i["x"], dtype=float))}
