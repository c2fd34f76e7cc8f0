# expect: 0
# needs: torch
# says: 80 digits in balls
# A layer in bfloat16: its equations are proven in float64 all the same.
import torch
import lstm_ref
torch.manual_seed(0)
problem = lstm_ref.torch_function(torch.nn.Linear(3, 2).bfloat16(), torch.randn(2, 3).bfloat16())
