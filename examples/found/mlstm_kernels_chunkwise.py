"""mlstm-kernels' chunkwise mLSTM in torch with a backward pass of its own, for `lstm-ref check`."""

from functools import partial

import torch
from mlstm_kernels.torch.chunkwise.native import mlstm_chunkwise__native_custbw

import lstm_ref

torch.manual_seed(0)
B, N, T, H = 1, 1, 4, 3
q, k, v = (torch.randn(B, N, T, H) for _ in "qkv")
i, f = torch.randn(B, N, T), torch.randn(B, N, T) + 3
mlstm = partial(mlstm_chunkwise__native_custbw, chunk_size=2)
problem = lstm_ref.torch_function(mlstm, q, k, v, i, f, name="mLSTM, chunkwise, native_custbw")
