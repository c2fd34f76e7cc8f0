# expect: 0
# A name that is no identifier.
import numpy as np
inputs={"x":np.array([0.5,-1.5,0.3])}
def forward(i): return np.cosh(i["x"])
def backward(i, b): return {"x":np.sinh(i["x"])*b}
