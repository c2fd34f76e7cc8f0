"""mlstm-kernels' chunkwise mLSTM with a backward pass of its own, `lstm-ref check`: what stands in for its Triton kernels."""

import torch
from mlstm_kernels.torch.chunkwise.native import mlstm_chunkwise__native_custbw

import lstm_ref

torch.manual_seed(0)
B, N, T, H = 2, 2, 6, 4
q, k, v = (torch.randn(B, N, T, H) for _ in "qkv")
i, f = torch.randn(B, N, T), torch.randn(B, N, T) + 3
problem = lstm_ref.torch_function(mlstm_chunkwise__native_custbw, q, k, v, i, f, name="mLSTM, chunkwise, native_custbw")
