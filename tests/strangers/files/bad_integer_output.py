# expect: 2
# A forward that predicts classes: integers, which have no gradient.
import numpy as np
inputs = {"x": np.array([[0.5, 2.0], [1.0, 0.1]])}
def forward(i): return np.argmax(np.asarray(i["x"], float), axis=1)
def backward(i, bar): return {"x": np.zeros((2, 2))}
