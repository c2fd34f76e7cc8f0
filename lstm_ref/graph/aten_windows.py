"""torch's convolutions and average pooling in NumPy, for traced arrays: windows of the input, gathered, times the
kernel.

Arrays are (N, C, ...), kernels (O, C / groups, ...). A transposed convolution, with a kernel (C, O / groups, ...), is
the transpose of the convolution with that kernel, so that each is in the other's backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_ref.graph.array import Array, session

Dims = Sequence[int]


def convolution(
    x: Any,
    w: Any,
    bias: Any,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    transposed: bool,
    output_padding: Dims,
    groups: int,
) -> Any:
    """A convolution over any number of axes."""
    rank = x.ndim - 2
    stride, padding, dilation, output_padding = (_each(v, rank) for v in (stride, padding, dilation, output_padding))
    if transposed:
        x, w = _as_plain(x, w, stride, padding, dilation, output_padding, groups)
        found = _convolved(x, w, [1] * rank, dilation, groups)
    else:
        found = _convolved(_padded(x, [(p, p) for p in padding]), w, stride, dilation, groups)
    return found if bias is None else found + bias.reshape((-1,) + (1,) * rank)


def convolution_backward(
    bar: Any,
    x: Any,
    w: Any,
    bias_sizes: Any,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    transposed: bool,
    output_padding: Dims,
    groups: int,
    wanted: Sequence[bool],
) -> tuple[Any, Any, Any]:
    """The cotangents of input, kernel and bias; None for those that are not wanted."""
    rank = x.ndim - 2
    stride, padding, dilation = (_each(v, rank) for v in (stride, padding, dilation))
    x_bar = w_bar = bias_bar = None
    if wanted[0]:
        left = [0] * rank
        if not transposed:  # rows at the end that no window reached
            spans = zip(x.shape[2:], bar.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
            left = [n + 2 * p - (m - 1) * s - d * (k - 1) - 1 for n, m, k, s, p, d in spans]
        x_bar = convolution(bar, w, None, stride, padding, dilation, not transposed, left, groups)
    if wanted[1]:
        of, over = (bar, x) if transposed else (x, bar)
        windows = _windows(
            _padded(of, [(p, p) for p in padding]), over.shape[2:], w.shape[2:], stride, dilation, groups
        )
        n, c = over.shape[:2]
        given = over.reshape((n, groups, c // groups, -1))
        product = np.sum(np.matmul(given, windows), axis=0)  # (groups, O / groups, C / groups · K)
        w_bar = product.reshape(w.shape)
    if wanted[2]:
        bias_bar = np.sum(bar, axis=(0, *range(2, bar.ndim)))
    return x_bar, w_bar, bias_bar


def avg_pool(
    x: Any,
    kernel: Dims,
    stride: Dims = (),
    padding: Dims = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Average pooling: a convolution of each channel with a constant kernel."""
    w, stride = _pooling(x.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    rank = len(w.shape) - 2
    whole = x if x.ndim == rank + 2 else np.expand_dims(x, 0)
    found = convolution(whole, w, None, stride, padding, [1] * rank, False, [0] * rank, w.shape[0])
    return found if x.ndim == rank + 2 else found[0]


def avg_pool_backward(
    bar: Any,
    x: Any,
    kernel: Dims,
    stride: Dims,
    padding: Dims,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    """The cotangent of the input of average pooling."""
    w, stride = _pooling(x.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    rank = len(w.shape) - 2
    wanted = (True, False, False)
    of, to = (v if v.ndim == rank + 2 else np.expand_dims(v, 0) for v in (x, bar))
    rest = (stride, padding, [1] * rank, False, [0] * rank, w.shape[0], wanted)
    found = convolution_backward(to, of, w, None, *rest)[0]
    return found if x.ndim == rank + 2 else found[0]


def _pooling(
    shape: Dims,
    kernel: Dims,
    stride: Dims,
    padding: Dims,
    ceil_mode: bool,
    all_count: bool,
    divisor: int | None,
) -> tuple[np.ndarray, list[int]]:
    """The kernel and the stride of pooling as a convolution."""
    rank = 2  # one-dimensional pooling comes with an axis added
    kernel = _each(kernel, rank)
    if ceil_mode or (any(padding) and not all_count):
        session().refuse("average pooling over windows of several sizes")
    channels = shape[-1 - rank]
    return np.full((channels, 1, *kernel), 1 / (divisor or math.prod(kernel))), _each(stride or kernel, rank)


def _each(v: Dims, rank: int) -> list[int]:
    return list(v) * rank if len(v) == 1 else list(v)


def _as_plain(
    x: Any, w: Any, stride: Dims, padding: Dims, dilation: Dims, output_padding: Dims, groups: int
) -> tuple[Any, Any]:
    """Input and kernel of a transposed convolution as a plain one without strides: zeros between the elements and
    around them, the kernel turned around."""
    spread = Array(np.zeros((*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True)))))
    spread[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = x
    kernel = w.shape[2:]
    whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    sides = [(n - p, n - p + more) for n, p, more in zip(whole, padding, output_padding, strict=True)]
    turned = w[(slice(None), slice(None), *(slice(None, None, -1) for _ in kernel))]
    c, o = w.shape[:2]
    by_group = np.swapaxes(turned.reshape((groups, c // groups, o, *kernel)), 1, 2)
    return _padded(spread, sides), by_group.reshape((groups * o, c // groups, *kernel))


def _padded(x: Any, pairs: Sequence[tuple[int, int]]) -> Any:
    """With zeros before and after each axis; a negative number crops."""
    key = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape[2:], strict=True))
    return np.pad(x[(slice(None), slice(None), *key)], [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in pairs)])


def _convolved(x: Any, w: Any, stride: Dims, dilation: Dims, groups: int) -> Any:
    o, _, *kernel = w.shape
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)]
    windows = _windows(x, sizes, kernel, stride, dilation, groups)
    by_group = np.swapaxes(w.reshape((groups, o // groups, -1)), 1, 2)
    product = np.swapaxes(np.matmul(windows, by_group), 2, 3)  # (N, groups, O / groups, P)
    return product.reshape((x.shape[0], o, *sizes))


def _windows(x: Any, sizes: Dims, kernel: Dims, stride: Dims, dilation: Dims, groups: int) -> Any:
    """The elements that each output sees: (N, groups, outputs, channels of a group · elements of the kernel)."""
    n, c, *space = x.shape
    places = np.zeros((1, 1), dtype=np.int64)
    for whole, size, k, s, d in zip(space, sizes, kernel, stride, dilation, strict=True):
        along = s * np.arange(size)[:, None] + d * np.arange(k)
        places = (places[:, None, :, None] * whole + along[None, :, None, :]).reshape(len(places) * size, -1)
    seen = x.reshape((n, groups, c // groups, -1))[:, :, :, places]
    return np.transpose(seen, (0, 1, 3, 2, 4)).reshape((n, groups, len(places), -1))
