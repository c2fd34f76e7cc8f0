"""A `torch.autograd.Function` with a mistake in its backward. `problem` replaces the usual definitions.

    lstm-ref check examples/torch_function.py

The step is h = tanh(x W + h U) in float32. The check compares its backward with differences of its forward in float64,
and allows for the rounding error of float32 on this problem. The mistake: the gradient of U is transposed.
"""

import torch

import lstm_ref


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, h, W, U):
        new = torch.tanh(x @ W + h @ U)
        ctx.save_for_backward(x, h, W, U, new)
        return new

    @staticmethod
    def backward(ctx, bar):
        x, h, W, U, new = ctx.saved_tensors
        a_bar = bar * (1 - new * new)
        return a_bar @ W.T, a_bar @ U.T, x.T @ a_bar, a_bar.T @ h  # the mistake: h.T @ a_bar


torch.manual_seed(0)
x, h, W, U = (torch.randn(shape) for shape in ((2, 3), (2, 4), (3, 4), (4, 4)))
problem = lstm_ref.torch_function(Step.apply, x, h, W, U, name="tanh step")
