# expect: 0
# A file that is called torch, beside which other modules are imported.
import numpy as np
inputs={"x":np.array([0.5,-1.5,0.3])}
def forward(i): return i["x"]**3
def backward(i, b): return {"x":3*i["x"]**2*b}
