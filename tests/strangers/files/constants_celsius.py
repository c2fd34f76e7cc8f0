# expect: 0
# Fahrenheit from Celsius by 9/5 forward, by 1.8 back.
import numpy as np
inputs = {"c": np.array([21.5, -3.0, 37.2])}
def forward(i): return 9 / 5 * i["c"] + 32
def backward(i, bar): return {"c": bar * 1.8}
