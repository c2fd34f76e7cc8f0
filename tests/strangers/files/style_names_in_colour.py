# expect: 1
# An input whose name would colour the terminal.
import numpy as np
inputs = {"\x1b[31mx": np.array([0.5, -0.2, 3.0])}
def loss(i): return sum((v ** 2).sum() for v in i.values())
def gradients(i): return {k: 3 * v for k, v in i.items()}
