# expect: 1
# says: k12
# Twenty inputs of one element each, one of whose gradients is wrong.
import numpy as np
inputs = {f"k{n}": np.full(1, 0.5 + n) for n in range(20)}
def loss(i): return sum((v * v).sum() for v in i.values())
def gradients(i): return {k: (3 if k == "k12" else 2) * v for k, v in i.items()}
