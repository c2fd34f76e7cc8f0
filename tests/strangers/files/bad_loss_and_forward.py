# expect: 2
# Both a loss and a forward, as a file grows them.
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def forward(i): return i["x"] ** 2
def loss(i): return forward(i).sum()
def gradients(i): return {"x": 2 * i["x"]}
