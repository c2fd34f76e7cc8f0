# expect: 0
# options: --json
# The file prints to standard output at every turn; what --json writes is JSON all the same.
import numpy as np
print("loading ...")
inputs = {"x": np.array([0.5, 2.0])}
def loss(i):
    print("loss!")
    return (i["x"] ** 3).sum()
def gradients(i):
    print("gradients!", end="")
    return {"x": 3 * i["x"] ** 2}
