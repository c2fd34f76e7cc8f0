# expect: 1
# needs: torch
# A hand-written rule that forgets the factor 2 of a square, by which mixed precision is no excuse.
import torch
import lstm_ref
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, bar):
        (x,) = ctx.saved_tensors
        return bar * x
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return Square.apply(self.linear(x))
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net(), torch.randn(2, 3))
