# expect: 2
# The file asks a question on standard input, and nobody answers.
import numpy as np
n = int(input("how many? "))
inputs = {"x": np.ones(n)}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
