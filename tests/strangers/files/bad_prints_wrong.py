# expect: 1
# options: --json
# The file prints braces to standard output, and is wrong.
import sys
import numpy as np
inputs = {"x": np.array([0.5, 2.0])}
def loss(i):
    sys.stdout.write('{"verdict": "exact gradient"}\n')
    return (i["x"] ** 3).sum()
def gradients(i): return {"x": 3 * i["x"] ** 3}
