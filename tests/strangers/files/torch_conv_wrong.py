# expect: 1
# needs: torch
# says: has 1 − y in place of the derivative of
# A convolution with an activation, whose derivative is another's.
import torch
from torch.nn import functional as F
import lstm_ref
class ConvTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        a = F.conv1d(x, w, padding=1)
        y = torch.tanh(a)
        ctx.save_for_backward(x, w, y)
        return y
    @staticmethod
    def backward(ctx, bar):
        x, w, y = ctx.saved_tensors
        bar = bar * (1 - y)
        x_bar = torch.nn.grad.conv1d_input(x.shape, w, bar, padding=1)
        return x_bar, torch.nn.grad.conv1d_weight(x, w.shape, bar, padding=1)
torch.manual_seed(0)
problem = lstm_ref.torch_function(ConvTanh.apply, torch.randn(1, 2, 4), torch.randn(3, 2, 3))
