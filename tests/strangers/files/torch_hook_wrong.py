# expect: 1
# needs: torch
# A hook clips the gradient on the way back.
import torch
import lstm_ref
def f(x):
    y = torch.exp(x)
    if y.requires_grad: y.register_hook(lambda g: g.clamp(-0.1, 0.1))
    return y
problem = lstm_ref.torch_function(f, torch.tensor([0.5, -1.5, 0.3], dtype=torch.float64))
