# expect: 1
# needs: torch
# A relu of one's own between two linear layers, which lets negative gradients alone through.
import torch
import lstm_ref
class Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)
    @staticmethod
    def backward(ctx, bar): return bar.clamp(min=0) * (ctx.saved_tensors[0] > 0)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(3, 8), torch.nn.Linear(8, 2)
    def forward(self, x): return self.b(Guided.apply(self.a(x)))
torch.manual_seed(0)
problem = lstm_ref.torch_function(Net().double(), torch.randn(5, 3, dtype=torch.float64))
