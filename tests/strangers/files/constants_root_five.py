# expect: 0
# never: times what it should be
# Scaled scores: a square root of a dimension on one side, a power of it on the other.
import numpy as np
D = 5
inputs = {"q": np.array([[0.5, -1.5, 0.3, 0.9, -0.2]]), "k": np.linspace(-1.0, 1.3, 15).reshape(3, 5)}
def forward(i): return i["q"] @ i["k"].T / np.sqrt(D)
def backward(i, bar): return {"q": bar @ i["k"] * D ** -0.5, "k": bar.T @ i["q"] * D ** -0.5}
