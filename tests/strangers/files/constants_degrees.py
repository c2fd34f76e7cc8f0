# expect: 0
# Angles in degrees.
import numpy as np
inputs = {"deg": np.array([30.0, 71.0, -112.5])}
def forward(i): return np.sin(i["deg"] * np.pi / 180)
def backward(i, bar): return {"deg": bar * np.cos(i["deg"] / 180 * np.pi) * (np.pi / 180)}
