"""torch's hardsigmoid in float64: its derivative is the float32 nearest to 1/6."""

import torch

import lstm_ref

torch.manual_seed(0)
problem = lstm_ref.torch_function(torch.nn.functional.hardsigmoid, torch.randn(3, 4, dtype=torch.float64))
