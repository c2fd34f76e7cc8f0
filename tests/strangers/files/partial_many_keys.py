# expect: 0
# Twenty inputs of one element each.
import numpy as np
inputs = {f"k{n}": np.full(1, 0.5 + n) for n in range(20)}
def loss(i): return sum((v * v).sum() for v in i.values())
def gradients(i): return {k: 2 * v for k, v in i.items()}
