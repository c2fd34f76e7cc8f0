# expect: 0
# needs: torch
# A derivation file in NumPy whose gradients come from torch.
import numpy as np
import torch
inputs = {"w": np.array([[0.5, -1.5], [0.3, 0.9]]), "x": np.array([0.4, -0.7])}
def loss(i): return float(torch.tanh(torch.tensor(np.asarray(i["w"], float)) @ torch.tensor(np.asarray(i["x"], float))).sum())
def gradients(i):
    w = torch.tensor(np.asarray(i["w"], float), requires_grad=True)
    x = torch.tensor(np.asarray(i["x"], float), requires_grad=True)
    torch.tanh(w @ x).sum().backward()
    return {"w": w.grad.numpy(), "x": x.grad.numpy()}
