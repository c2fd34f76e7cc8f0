# expect: 2
# The file ends the process with 0 while its inputs are drawn.
import sys
import numpy as np
def inputs(rng): sys.exit(0)
def loss(i): return 1.0
def gradients(i): return {"x": i["x"]}
