"""Idioms of torch code: functions of the tensors x (3, 4), y (4, 3), v (4,) and i (integers, 3), in float64."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

EYE = torch.eye(3, dtype=torch.float64)


def skew(x):
    return x.triu(1) - x.triu(1).T


def _filled_buffer(x, y, v, i):
    out = torch.zeros(3, 3)
    for t in range(3):
        out[t] = torch.tanh(x[t] @ y)
    return out * 2


def _written_view(x, y, v, i):
    z = x.clone()
    row = z[1]
    row.mul_(v)
    z[:, 0] += 1
    return z + row


def _chunks_in_place(x, y, v, i):
    z = x @ y
    a, b, c = torch.unsafe_chunk(z, 3, dim=1)
    a.sigmoid_()
    b.tanh_()
    return a * b + c


def _carried(x, y, v, i):
    h = torch.zeros(4)
    total = 0.0
    for row in x:
        h = torch.tanh(h * v + row)
        total = total + h.pow(2).sum()
    return total


def _accumulated(x, y, v, i):
    total = torch.zeros(())
    for row in x:
        total += (row * v).sum()
    return total


def _twice_transposed(x, y, v, i):
    z = x.t().contiguous().view(2, 6)
    return z.t()[::2].reshape(-1)


def _swapped_in_place(x, y, v, i):
    z = x.clone()
    z[0], z[1] = z[1].clone(), z[0].clone()
    z.t()[2:] = v[:2, None]
    return z


def _written_elements(x, y, v, i):
    z = v * 1
    z[0] += x[0, 0]
    z[1].mul_(3.0)
    third = z[2]
    third *= 2
    return z


def _causal_attention(x, y, v, i):
    hidden = ~torch.ones(3, 3, dtype=torch.bool).tril()
    return (x @ x.t()).masked_fill(hidden, float("-inf")).softmax(-1) @ x


def _hook_that_looks(x, y, v, i):
    z = x * v
    z.register_hook(lambda bar: None)
    return torch.tanh(z)


def _no_grad_mask(x, y, v, i):
    with torch.no_grad():
        keep = x > 0.1
    return x.masked_fill(keep, 0.0) + torch.where(keep, x, v)


FOLLOWED = {
    "a filled buffer": _filled_buffer,
    "a view is written": _written_view,
    "chunks in place": _chunks_in_place,
    "a carried state": _carried,
    "a scalar accumulates": _accumulated,
    "transposed views": _twice_transposed,
    "rows swapped in place": _swapped_in_place,
    "a mask made without gradients": _no_grad_mask,
    "elements written": _written_elements,
    "a mask of minus infinity": _causal_attention,
    "a hook that looks": _hook_that_looks,
    "whole numbers like a tensor": lambda x, y, v, i: (
        x * ~torch.zeros_like(x, dtype=torch.bool) + v[x.new_ones(3, dtype=torch.long)][:, None]
    ),
    "the bits of a tensor": lambda x, y, v, i: x * (x.view(torch.int64) > 0),
    "einsum": lambda x, y, v, i: torch.einsum("ab,bc,b->ac", x, y, v),
    "addmm": lambda x, y, v, i: torch.addmm(v[:3], x, y, beta=0.5, alpha=2.0),
    "baddbmm": lambda x, y, v, i: torch.baddbmm(x[:, :3, None], x[:, None, :].expand(3, 3, 4), y.expand(3, 4, 3)),
    "linear": lambda x, y, v, i: F.linear(x, y.t(), v[:3]),
    "outer": lambda x, y, v, i: torch.outer(v, x[0]),
    "matmul of vectors": lambda x, y, v, i: (x @ v) * (v @ y) + v.dot(x[1]),
    "batched matmul": lambda x, y, v, i: torch.matmul(x.expand(2, 3, 4), y),
    "mean and variance": lambda x, y, v, i: (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1e-5).sqrt(),
    "std": lambda x, y, v, i: x.std() + x.var(0, unbiased=False).sum(),
    "norm": lambda x, y, v, i: x.norm() + torch.linalg.vector_norm(y, dim=0).sum(),
    "layer_norm": lambda x, y, v, i: F.layer_norm(x, (4,), v, v * 2),
    "group_norm": lambda x, y, v, i: F.group_norm(x[:, :, None], 2, v, v),
    "softmax": lambda x, y, v, i: torch.softmax(x, -1) * v,
    "log_softmax": lambda x, y, v, i: torch.log_softmax(x * v, 0),
    "logsumexp": lambda x, y, v, i: torch.logsumexp(x, 1),
    "cross entropy": lambda x, y, v, i: F.cross_entropy(x, i),
    "cross entropy, summed, weighted": lambda x, y, v, i: F.cross_entropy(
        x, i, torch.arange(1.0, 5, dtype=x.dtype), reduction="sum"
    ),
    "binary cross entropy": lambda x, y, v, i: F.binary_cross_entropy_with_logits(x, torch.sigmoid(v).expand(3, 4)),
    "mse": lambda x, y, v, i: F.mse_loss(x, v.expand(3, 4)),
    "huber": lambda x, y, v, i: F.smooth_l1_loss(x, v.expand(3, 4)),
    "relu": lambda x, y, v, i: F.relu(x) + F.leaky_relu(x * v, 0.1),
    "elu": lambda x, y, v, i: F.elu(x) + F.selu(v),
    "gelu": lambda x, y, v, i: F.gelu(x) + F.gelu(x, approximate="tanh"),
    "silu": lambda x, y, v, i: F.silu(x) + F.softplus(x) + F.softplus(x, beta=2.0),
    "logsigmoid": lambda x, y, v, i: F.logsigmoid(x) + F.hardtanh(x) + F.softsign(x),
    "clamp": lambda x, y, v, i: x.clamp(-0.5, 0.5) + x.clamp(min=0.0) * x.clamp_max(1.0),
    "maximum": lambda x, y, v, i: torch.maximum(x, v) - torch.minimum(x, v),
    "max along": lambda x, y, v, i: x.max(dim=1).values + x.min(1)[0] + x.amax(1) - x.max(),
    "sorted": lambda x, y, v, i: x.gather(1, x.detach().argsort(1)),
    "topk": lambda x, y, v, i: x.gather(1, x.argmax(1, keepdim=True)),
    "embedding": lambda x, y, v, i: F.embedding(i, y) * 2,
    "indexed": lambda x, y, v, i: x[i.clamp(max=2)] + x[[0, 2, 1]] + x[:, i].sum(),
    "boolean mask": lambda x, y, v, i: x[torch.tensor([True, False, True])] * v,
    "index_select": lambda x, y, v, i: x.index_select(1, i) + torch.take_along_dim(x, i[:, None], 1),
    "index_add": lambda x, y, v, i: torch.zeros(4, 3, dtype=x.dtype).index_add(0, i, x @ y),
    "scatter_add": lambda x, y, v, i: torch.zeros(3, 4, dtype=x.dtype).scatter_add(1, i[:, None], x[:, :1]),
    "scatter": lambda x, y, v, i: x.scatter(1, i[:, None], v[:3, None]),
    "index_put": lambda x, y, v, i: x.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), v[:2], accumulate=True),
    "one hot": lambda x, y, v, i: F.one_hot(i, 4).to(x.dtype) * x,
    "cat and stack": lambda x, y, v, i: torch.stack([torch.cat([x, y.t()], 1), torch.cat([y.t(), x], 1)], 1),
    "split": lambda x, y, v, i: x.split([1, 3], dim=1)[1] * x.unbind(1)[0][:, None] + x.chunk(2, 1)[0].sum(),
    "tril": lambda x, y, v, i: (x @ y).tril() + (x @ y).triu(1),
    "masked attention": lambda x, y, v, i: (x @ x.t()).masked_fill(torch.ones(3, 3).triu(1).bool(), -1e9).softmax(-1),
    "scaled dot product": lambda x, y, v, i: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "flip and roll": lambda x, y, v, i: x.flip(0) * v + torch.roll(x, 1, 1),
    "pad": lambda x, y, v, i: F.pad(x, (1, 0))[:, :4] + F.pad(x, (-1, 1, 0, 0)),
    "cumsum": lambda x, y, v, i: torch.cumsum(x, 0),
    "repeat and expand": lambda x, y, v, i: x.repeat(2, 1) + v.expand(6, 4),
    "powers": lambda x, y, v, i: x**2 + x**3 + 2.0**x + x.abs() ** 1.5 + x.abs().sqrt() + x.square(),
    "exponentials": lambda x, y, v, i: x.exp() + torch.expm1(x) + torch.log1p(x * x) + (1 + x * x).log() + x.erf(),
    "trigonometry": lambda x, y, v, i: x.sin() + x.cos() * x.atan() + torch.sinh(v) / torch.cosh(v),
    "quotients": lambda x, y, v, i: x / (1 + v * v) + 1.0 / (2 + x.sin()) + torch.rsqrt(1 + x * x) + x.div(3.0),
    "subtraction from": lambda x, y, v, i: 1 - x + torch.rsub(x, 2.0) - x.neg() + torch.add(x, v, alpha=0.3),
    "lerp": lambda x, y, v, i: (
        torch.lerp(x, x * v, 0.25) + torch.addcmul(x, x, x, value=0.5) + torch.addcdiv(x, v, 2 + v.cos())
    ),
    "product": lambda x, y, v, i: x.prod(1) + v.prod(),
    "squeezed": lambda x, y, v, i: x.unsqueeze(1).squeeze() + x[:, None].squeeze(1).unflatten(1, (2, 2)).flatten(1),
    "permuted": lambda x, y, v, i: x.view(3, 2, 2).permute(2, 0, 1).movedim(0, 2).reshape(3, 4),
    "as_strided": lambda x, y, v, i: torch.as_strided(x * 1.0, (2, 3), (4, 1), 1) * 2,
    "unfold": lambda x, y, v, i: v.unfold(0, 2, 1).sum(1),
    "conditional": lambda x, y, v, i: x * 2 if (x.detach() > -100).all() else x,
    "a shape decides": lambda x, y, v, i: x.sum() / x.shape[0] + x.numel() * v.mean(),
    "detached and returned": lambda x, y, v, i: x.detach() * v + x.data,
    "dropout in eval": lambda x, y, v, i: F.dropout(x, 0.5, training=False) * v,
    "batch norm in eval": lambda x, y, v, i: F.batch_norm(x, torch.ones(4).to(x), torch.arange(1, 5).to(x), v, v),
    "meshgrid": lambda x, y, v, i: sum(torch.meshgrid(v, x[0], indexing="ij")),
    "kron": lambda x, y, v, i: torch.kron(x[:2, :2], y[:2, :2]),
    "cdist by hand": lambda x, y, v, i: ((x[:, None] - x[None]) ** 2).sum(-1),
    "conv1d": lambda x, y, v, i: F.conv1d(x.repeat(1, 2)[None], y[:2].reshape(2, 3, 1), v[:2], 2, 2, 2),
    "conv2d": lambda x, y, v, i: F.conv2d(x[None, None], y[None, None, :3, :2], v[:1], padding=1, stride=2),
    "depthwise convolution": lambda x, y, v, i: F.conv1d(x[None], y.t()[:, None, :2], groups=3),
    "transposed convolution": lambda x, y, v, i: (
        F.conv_transpose1d(x[None], y.t()[:, None, :2], v[:1], 2, 1, 1).sum()
        + F.conv_transpose2d(x.view(1, 2, 2, 3), y.view(2, 1, 2, 3), groups=2, dilation=2)
    ),
    "average pooling": lambda x, y, v, i: F.avg_pool2d(x[None], 2, 1, 1) * F.avg_pool1d(v[None], 2).sum(),
    "packed sequences": lambda x, y, v, i: pad_packed_sequence(
        pack_padded_sequence(x * v, torch.tensor([2, 4, 1]), batch_first=True, enforce_sorted=False)
    )[0],
    "packed in time": lambda x, y, v, i: (
        pack_sequence([y[0], v[:3]])[0].tanh() + pack_padded_sequence(y, [4, 2, 2])[0].sum()
    ),
    "attention, causal": lambda x, y, v, i: F.scaled_dot_product_attention(
        x[None, None], (x * v)[None, None], x[None, None], is_causal=True
    ),
    "attention, masked": lambda x, y, v, i: F.scaled_dot_product_attention(
        x[None, None], (x * v)[None, None], x[None, None], attn_mask=torch.ones(3, 3).tril().bool(), scale=0.3
    ),
    "bags of embeddings": lambda x, y, v, i: (
        F.embedding_bag(i, y, torch.tensor([0, 1])) + F.embedding_bag(i[None], y, mode="sum", padding_idx=2)
    ),
    "angles": lambda x, y, v, i: torch.atan2(x, v) + torch.hypot(x, v) + torch.asin(x.tanh()) * torch.acos(v.tanh()),
    "remainders": lambda x, y, v, i: torch.remainder(5 * x, 2.0) + torch.fmod(5 * x, v.abs() + 1) + torch.frac(x),
    "area functions": lambda x, y, v, i: x.asinh() + (x * x + 1.5).acosh() * (0.9 * v.tanh()).atanh(),
    "logarithms": lambda x, y, v, i: torch.logaddexp(x, v) + torch.log10(1 + x * x) * torch.xlogy(v, v * v) + x.erfc(),
    "cumulative": lambda x, y, v, i: x.cumprod(1) + x.cummax(0).values * x.cummin(1)[0],
    "in order": lambda x, y, v, i: x.sort(1).values * v + x.sort(0, descending=True)[0] + x.topk(2, 0).values.sum(),
    "middle ones": lambda x, y, v, i: x.kthvalue(2, 1).values + x.median(1).values * x.median() + x.quantile(0.3),
    "mish and hardswish": lambda x, y, v, i: F.mish(x) + F.hardswish(x) + F.hardshrink(x) + F.softshrink(v) + F.celu(x),
    "rms_norm": lambda x, y, v, i: F.rms_norm(x, (4,), v),
    "selected and scattered by masks": lambda x, y, v, i: (
        x.masked_scatter(x > 0, v.repeat(3)).sum() + x.masked_select(v > 0) * 2
    ),
    "put and taken": lambda x, y, v, i: x.put(i, v[:3]) + torch.take(x, i).sum() + x.put(i, v[:3], accumulate=True),
    "scattered sums": lambda x, y, v, i: x.scatter_reduce(1, i[:, None], v[:3, None], "sum", include_self=False),
    "bilinear": lambda x, y, v, i: F.bilinear(x, x * v, (y @ x).view(1, 4, 4), v[:1]),
    "addbmm": lambda x, y, v, i: torch.addbmm(x @ y, x[None], y[None], beta=0.5) + torch.fmax(x, v).sum(),
    "inverses": lambda x, y, v, i: (
        torch.linalg.inv(x @ y + 4 * EYE) + torch.stack([x @ y, y.T @ x.T]).add(4 * EYE).inverse()
    ),
    "linear systems": lambda x, y, v, i: (
        torch.linalg.solve(x @ y + 4 * EYE, x).sum(1)
        + torch.linalg.solve(x @ y + 4 * EYE, v[:3])
        + torch.linalg.solve(x @ y + 4 * EYE, y, left=False).sum(0)
    ),
    "Cayley's orthogonal matrix": lambda x, y, v, i: torch.linalg.solve(EYE + skew(x @ y), EYE - skew(x @ y)) @ v[:3],
    "a batch of systems": lambda x, y, v, i: torch.linalg.solve(
        torch.stack([x @ y, y.T @ x.T]) + 4 * EYE, torch.stack([x, v * x])
    ),
    "exponential of a skew matrix": lambda x, y, v, i: torch.linalg.matrix_exp(skew(x @ y)) @ v[:3],
    "determinants": lambda x, y, v, i: (
        torch.linalg.det(x @ y + 4 * EYE) + torch.logdet(x @ x.T + EYE) + torch.linalg.slogdet((x @ y).T + 4 * EYE)[1]
    ),
    "cholesky": lambda x, y, v, i: (
        torch.linalg.cholesky(x @ x.T + EYE) + torch.linalg.cholesky(y.T @ y + EYE, upper=True)
    ),
    "triangular systems": lambda x, y, v, i: (
        torch.linalg.solve_triangular((x @ y).tril() + 4 * EYE, x, upper=False).sum(1)
        + torch.linalg.solve_triangular((x @ y).triu() + 4 * EYE, y, upper=True, left=False).sum(0)
    ),
    "powers and norms": lambda x, y, v, i: (
        torch.linalg.matrix_power(x @ y, 3) + torch.linalg.norm(x) + torch.linalg.vector_norm(v, 3)
    ),
    "ctc": lambda x, y, v, i: F.ctc_loss(
        F.log_softmax(torch.stack([x, y.T]).tile(3, 1, 1), -1).transpose(0, 1)[:, :2].repeat(2, 1, 1),
        torch.tensor([[1, 1], [3, 2]]),
        torch.tensor([6, 5]),
        torch.tensor([2, 1]),
        reduction="none",
    ),
    "ctc of labels in a row": lambda x, y, v, i: F.ctc_loss(
        F.log_softmax(torch.stack([x, y.T], 1), -1), torch.tensor([2, 1, 3]), [3, 3], [1, 2], blank=0
    ),
    "interpolated": lambda x, y, v, i: (
        F.interpolate(x[None], size=7).sum()
        + F.interpolate(x[None], size=7, mode="linear")
        + F.interpolate(x[None], size=7, mode="linear", align_corners=True)
    ),
    "interpolated in a plane": lambda x, y, v, i: (
        F.interpolate(x[None, None], size=(5, 7), mode="bilinear") + F.interpolate(x[None, None], size=(5, 7))
    ),
    "adaptive pooling": lambda x, y, v, i: F.adaptive_avg_pool1d(x[None], 3) * v[0],
    "maxima of bags": lambda x, y, v, i: (
        F.embedding_bag(i, y, torch.tensor([0, 2, 3, 3]), mode="max", include_last_offset=True)
        + F.embedding_bag(i[None], y, mode="max", padding_idx=2)
    ),
    "trace": lambda x, y, v, i: torch.trace(x @ y) + torch.diagonal(x).sum() + torch.diag(v).sum(0)[0],
}
"""Each is followed: its graph has the same values near the inputs, and one sweep the gradient of torch's autograd."""

REFUSED = {
    "item() as a number": (lambda x, y, v, i: x * x.sum().item(), "item()"),
    "float() as a number": (lambda x, y, v, i: x * float(v[0]), "item()"),
    "tolist()": (lambda x, y, v, i: x * v.tolist()[0], ""),
    "through NumPy": (lambda x, y, v, i: x * torch.from_numpy(v.detach().numpy().copy()), ""),
    "bags scaled by frequency": (
        lambda x, y, v, i: F.embedding_bag(i[None], y, scale_grad_by_freq=True, mode="sum"),
        "embedding_bag scaled by frequency",
    ),
    "scattered maxima": (
        lambda x, y, v, i: x.scatter_reduce(1, i[:, None], v[:3, None], "amax"),
        "scatter_reduce of amax",
    ),
    "padding that is not counted": (
        lambda x, y, v, i: F.avg_pool2d(x[None], 2, 1, 1, count_include_pad=False),
        "windows of several sizes",
    ),
    "complex": (lambda x, y, v, i: torch.fft.rfft(v).abs(), "aten._fft_r2c, which is not followed"),
    "made complex": (lambda x, y, v, i: torch.polar(v, v).abs(), "made complex"),
    "singular values": (lambda x, y, v, i: torch.linalg.svdvals(x), "aten._linalg_svd, which is not followed"),
    "a factorisation of one's own": (lambda x, y, v, i: torch.linalg.lu_factor(x @ y)[0], "linalg_lu_factor"),
}
"""Each is refused with a reason that has these words."""
