"""mlstm-kernels' parallel mLSTM in torch with a backward pass of its own, for `lstm-ref check`."""

import torch
from mlstm_kernels.torch.parallel.native import mlstm_parallel__native_custbw

import lstm_ref

torch.manual_seed(0)
B, N, T, H = 1, 1, 4, 3
q, k, v = (torch.randn(B, N, T, H) for _ in "qkv")
i, f = torch.randn(B, N, T), torch.randn(B, N, T) + 3
problem = lstm_ref.torch_function(mlstm_parallel__native_custbw, q, k, v, i, f, name="mLSTM, parallel, native_custbw")
