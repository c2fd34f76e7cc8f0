# expect: 0 or 2
# needs: torch
# Tensors as inputs of a derivation file.
import torch
inputs = {"x": torch.tensor([0.5, 2.0], dtype=torch.float64)}
def loss(i): return (i["x"] ** 2).sum()
def gradients(i): return {"x": 2 * i["x"]}
