# expect: 1
# needs: torch
# says: parametrizations.py:
# Spectral norm in training moves its vectors with the weight, and takes no gradient through them.
import torch
import lstm_ref
torch.manual_seed(0)
problem = lstm_ref.torch_function(
    torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 4)), torch.randn(2, 3)
)
