"""minGRU-scans' backward pass of DeltaMinGRU, written by hand, with its eager forward, for `lstm-ref check`."""

import torch
from mingru.triton_scans import _delta_backward_torch, _delta_ref_forward

import lstm_ref

CHUNK = 2


class Delta(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *read):
        starts = [t * CHUNK for t in range(-(-read[0].shape[2] // CHUNK))]
        ends = [_delta_ref_forward(*(v[:, :, :t] for v in read[:4]), read[4], CHUNK)[1] for t in starts[1:]]
        ctx.save_for_backward(*read, torch.stack([read[4], *ends], 2))
        y, last = _delta_ref_forward(*read, CHUNK)
        return y.swapaxes(1, 2), last

    @staticmethod
    def backward(ctx, y_bar, last_bar):
        *read, _, starts = ctx.saved_tensors
        return _delta_backward_torch(*read, starts, y_bar, last_bar, CHUNK, [True] * 6)[:5]


torch.manual_seed(0)
B, N, T, M, K, V = 1, 2, 5, 2, 3, 4
shapes = (B, N, T, K), (B, N, T, M, K), (B, N, T, M, V), (B, N, T, M), (B, N, K, V)
read = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
problem = lstm_ref.torch_function(Delta.apply, *read, name="DeltaMinGRU")
