"""torch's operations in NumPy, for traced arrays. torch decomposes operations that are missing here into those that are
here.

Source: the core ATen operators, https://docs.pytorch.org/docs/stable/torch.compiler_ir.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from lstm_ref.graph import aten_ctc, aten_layers, aten_linalg, aten_resized, aten_windows
from lstm_ref.graph.array import Array, session

LEAVES = {"_local_scalar_dense": "item()"}
"""Operations that make a Python number of a tensor."""


def _axes(dim: Any) -> Any:
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return None
    return tuple(dim) if isinstance(dim, (list, tuple)) else int(dim)


def _scaled(x: Any, alpha: Any) -> Any:
    return x if alpha == 1 else alpha * x


def _divide(x: Any, y: Any, rounding_mode: str | None = None) -> Any:
    found = x / y
    return found if rounding_mode is None else np.floor(found) if rounding_mode == "floor" else np.trunc(found)


def _clamp(x: Any, low: Any = None, high: Any = None, **names: Any) -> Any:
    low, high = names.get("min", low), names.get("max", high)
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _with_bias(product: Callable[..., Any]) -> Callable[..., Any]:
    def on(bias: Any, x: Any, y: Any, beta: Any = 1, alpha: Any = 1) -> Any:
        return _scaled(bias, beta) + _scaled(product(x, y), alpha)

    return on


def _reduced(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False, dtype=None: f(x, axis=_axes(dim), keepdims=keepdim)


def _variance(x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False, unbiased: Any = None) -> Any:
    axis = _axes(dim)
    if isinstance(dim, bool):  # the overload of all elements gives `unbiased` in this place
        axis, correction = None, int(dim)
    correction = correction if unbiased is None else int(unbiased)
    centred = x - np.mean(x, axis=axis, keepdims=True)
    over = range(x.ndim) if axis is None else np.atleast_1d(axis)
    n = math.prod(x.shape[k] for k in over) - (1 if correction is None else correction)
    return np.sum(centred**2, axis=axis, keepdims=keepdim) / n


def _softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    e = np.exp(x - np.max(x, axis=dim, keepdims=True))
    return e / np.sum(e, axis=dim, keepdims=True)


def _log_softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    shifted = x - np.max(x, axis=dim, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def _best(pick: Callable[..., Any]) -> Callable[..., Any]:
    def on(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
        if dim is None:
            return (np.max if pick is np.argmax else np.min)(x)
        where = np.expand_dims(np.asarray(pick(x, axis=dim)), dim)
        values = np.take_along_axis(x, where, dim)
        return (values, where) if keepdim else (np.squeeze(values, dim), np.squeeze(where, dim))

    return on


def _sorted(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    where = session().decide(np.argsort(-_plain(x) if descending else _plain(x), axis=dim, kind="stable"))
    return np.take_along_axis(x, where, dim), where


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    values, where = _sorted(x, dim, largest)
    return _sliced(values, dim, 0, k), _sliced(where, dim, 0, k)


def _kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest, counted from 1."""
    key = slice(k - 1, k) if keepdim else k - 1
    values, where = _sorted(x, dim)
    at = (slice(None),) * (dim % x.ndim) + (key, ...)
    return values[at], where[at]


def _median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Of an even number, torch takes the smaller of the two in the middle."""
    if dim is None:
        return _median(x.reshape(-1), 0)[0]
    return _kth(x, (x.shape[dim] + 1) // 2, dim, keepdim)


def _best_so_far(best: np.ufunc) -> Callable[..., Any]:
    def on(x: Any, dim: int) -> Any:
        plain = np.moveaxis(_plain(x), dim, -1)
        is_best = plain == best.accumulate(plain, axis=-1)  # of equal ones, the last
        where = np.maximum.accumulate(np.where(is_best, np.arange(plain.shape[-1]), 0), axis=-1)
        where = session().decide(np.moveaxis(where, -1, dim))
        return np.take_along_axis(x, where, dim), where

    return on


def _key(indices: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else np.asarray(i) for i in indices)


def _copied(x: Any) -> Array:
    """A copy that can hold traced numbers."""
    return x.copy() if type(x) is Array else Array(np.array(x, np.float64))


def _index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    found = _copied(x)
    if accumulate:
        np.add.at(found, _key(indices), values)
    else:
        found[_key(indices)] = values
    return found


def _along(x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    places = list(np.indices(index.shape))
    places[dim] = np.asarray(index)
    return tuple(places)


def _scatter(x: Any, dim: int, index: Any, values: Any) -> Any:
    found = _copied(x)
    if np.ndim(values):
        values = values[tuple(slice(n) for n in index.shape)]
    found[_along(x, dim, index)] = values
    return found


def _scatter_add(x: Any, dim: int, index: Any, values: Any) -> Any:
    found = _copied(x)
    np.add.at(found, _along(x, dim, index), values[tuple(slice(n) for n in index.shape)])
    return found


def _index_add(x: Any, dim: int, index: Any, values: Any, alpha: Any = 1) -> Any:
    found = _copied(x)
    np.add.at(found, (slice(None),) * (dim % x.ndim) + (np.asarray(index),), _scaled(values, alpha))
    return found


def _scatter_reduce(x: Any, dim: int, index: Any, values: Any, reduce: str, include_self: bool = True) -> Any:
    if reduce != "sum":
        session().refuse(f"scatter_reduce of {reduce}")
    found = _copied(x)
    if not include_self:
        found[_along(x, dim, index)] = 0.0
    np.add.at(found, _along(x, dim, index), values[tuple(slice(n) for n in index.shape)])
    return found


def _masked_select(x: Any, mask: Any) -> Any:
    mask = _plain(mask)
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return np.broadcast_to(x, shape)[np.broadcast_to(mask, shape)]


def _masked_scatter(x: Any, mask: Any, values: Any) -> Any:
    mask = np.broadcast_to(_plain(mask), x.shape)
    found = _copied(x)
    found[mask] = values.reshape(-1)[: int(mask.sum())]
    return found


def _masked_scatter_backward(bar: Any, mask: Any, shape: Sequence[int]) -> Any:
    found = Array(np.zeros(math.prod(shape)))
    taken = bar[np.broadcast_to(_plain(mask), bar.shape)]
    found[: taken.size] = taken
    return found.reshape(shape)


def _put(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    """By number of the element."""
    found = _copied(x)
    if accumulate:
        np.add.at(found, np.unravel_index(np.asarray(index), x.shape), values)
    else:
        found[np.unravel_index(np.asarray(index), x.shape)] = values
    return found


def _trilinear(
    a: Any, b: Any, c: Any, to_a: Sequence[int], to_b: Sequence[int], to_c: Sequence[int], over: Any, unroll: int = 1
) -> Any:
    a, b, c = (np.expand_dims(v, tuple(new)) for v, new in ((a, to_a), (b, to_b), (c, to_c)))
    return np.sum(a * b * c, axis=_axes(over))


def _pad(x: Any, widths: Sequence[int], value: float = 0.0) -> Any:
    """torch counts the axes from the last one."""
    pairs = [(0, 0)] * x.ndim
    for k in range(len(widths) // 2):
        pairs[-1 - k] = (widths[2 * k], widths[2 * k + 1])
    key = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))
    return np.pad(x[key], [(max(a, 0), max(b, 0)) for a, b in pairs], constant_values=value)


def _norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    axis = _axes(dim)
    if ord == 2:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdim))
    if ord == math.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdim)
    return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdim) ** (1 / ord)


def _softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return np.where(_plain(x) * beta > threshold, x, np.log1p(np.exp(beta * x)) / beta)


def _plain(x: Any) -> Any:
    return np.asarray(getattr(x, "value", x))


def _filled(value: float) -> Callable[..., Any]:
    return lambda x, *_, **__: np.full(np.shape(_plain(x)), value)


def _cast(x: Any, dtype: Any = None) -> Any:
    """A copy; where torch makes integers, those."""
    kind = str(dtype).removeprefix("torch.")
    if dtype is None or getattr(dtype, "is_floating_point", False):
        return x.copy() if not isinstance(x, np.generic) else x
    return x.astype(kind) if hasattr(np, kind) else x.astype(bool)


def _sliced(x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def _selected(x: Any, dim: int, index: int) -> Any:
    """With an ellipsis, because a number out of a vector is a view too."""
    return x[(slice(None),) * (dim % x.ndim) + (index, ...)]


def _squeezed(x: Any, dim: Any = None) -> Any:
    """torch removes only axes of size one, and ignores others."""
    axes = range(x.ndim) if dim is None else [int(d) % x.ndim for d in np.atleast_1d(dim)]
    return x.reshape([n for k, n in enumerate(x.shape) if not (k in axes and n == 1)])


def _split(x: Any, size: int, dim: int = 0) -> list[Any]:
    return [_sliced(x, dim, k, k + size) for k in range(0, max(x.shape[dim], 1), size)]


def _parted(x: Any, sizes: Sequence[int], dim: int = 0) -> list[Any]:
    ends = np.cumsum(sizes)
    return [_sliced(x, dim, int(b) - n, int(b)) for n, b in zip(sizes, ends, strict=True)]


_dot = np.matmul

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y, alpha=1: x + _scaled(y, alpha),
    "sub": lambda x, y, alpha=1: x - _scaled(y, alpha),
    "rsub": lambda x, y, alpha=1: y - _scaled(x, alpha),
    "mul": lambda x, y: x * y,
    "div": _divide,
    "pow": lambda x, y: x**y,
    "neg": np.negative,
    "reciprocal": lambda x: 1.0 / x,
    "square": np.square,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "hypot": np.hypot,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "lgamma": scipy.special.gammaln,
    "digamma": scipy.special.psi,
    "sigmoid": scipy.special.expit,
    "abs": np.abs,
    "sign": np.sign,
    "sgn": np.sign,
    "signbit": np.signbit,
    "remainder": np.remainder,
    "fmod": np.fmod,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "trunc": np.trunc,
    "relu": lambda x: np.maximum(x, 0.0),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "clamp": _clamp,
    "clamp_min": lambda x, low: np.maximum(x, low),
    "clamp_max": lambda x, high: np.minimum(x, high),
    "softplus": _softplus,
    "where": lambda where, x, y: np.where(_plain(where), x, y),
    "masked_fill": lambda x, where, value: np.where(_plain(where), value, x),
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "mm": _dot,
    "bmm": _dot,
    "mv": _dot,
    "dot": _dot,
    "addmm": _with_bias(_dot),
    "addmv": _with_bias(_dot),
    "baddbmm": _with_bias(_dot),
    "addbmm": _with_bias(lambda x, y: np.sum(_dot(x, y), axis=0)),
    "_ctc_loss": aten_ctc.loss,
    "_ctc_loss_backward": aten_ctc.backward,
    **aten_resized.BACKWARD,
    "linalg_inv_ex": aten_linalg.inverse,
    "_linalg_solve_ex": aten_linalg.solve,
    "linalg_lu_solve": aten_linalg.lu_solve,
    "_linalg_det": aten_linalg.determinant,
    "_linalg_slogdet": aten_linalg.sign_and_logarithm,
    "linalg_cholesky_ex": aten_linalg.cholesky,
    "linalg_matrix_exp": aten_linalg.exponential,
    "linalg_solve_triangular": aten_linalg.solve_triangular,
    "_trilinear": _trilinear,
    "convolution": aten_windows.convolution,
    "convolution_backward": aten_windows.convolution_backward,
    "avg_pool2d": aten_windows.avg_pool,
    "avg_pool2d_backward": aten_windows.avg_pool_backward,
    "sum": _reduced(np.sum),
    "mean": _reduced(np.mean),
    "amax": _reduced(np.max),
    "amin": _reduced(np.min),
    "prod": _reduced(np.prod),
    "max": _best(np.argmax),
    "min": _best(np.argmin),
    "sort": _sorted,
    "topk": _topk,
    "kthvalue": _kth,
    "median": _median,
    "cummax": _best_so_far(np.maximum),
    "cummin": _best_so_far(np.minimum),
    "argmax": lambda x, dim=None, keepdim=False: np.argmax(x, axis=dim, keepdims=keepdim),
    "argmin": lambda x, dim=None, keepdim=False: np.argmin(x, axis=dim, keepdims=keepdim),
    "var": _variance,
    "linalg_vector_norm": _norm,
    "cumsum": lambda x, dim, dtype=None: np.cumsum(x, axis=dim),
    "_softmax": _softmax,
    "_log_softmax": _log_softmax,
    "cat": lambda xs, dim=0: np.concatenate([x for x in xs if _plain(x).shape != (0,)], axis=dim),
    "stack": lambda xs, dim=0: np.stack(xs, axis=dim),
    "flip": lambda x, dims: np.flip(x, tuple(dims)).copy(),
    "roll": lambda x, shifts, dims=(): np.roll(x, tuple(shifts), tuple(dims) or None),
    "repeat": lambda x, times: np.tile(x, times),
    "tril": lambda x, diagonal=0: np.tril(x, diagonal),
    "triu": lambda x, diagonal=0: np.triu(x, diagonal),
    "constant_pad_nd": _pad,
    "index": lambda x, indices: x[_key(indices)],
    "index_put": _index_put,
    "index_select": lambda x, dim, index: np.take(x, np.asarray(index), axis=dim),
    "gather": lambda x, dim, index, sparse_grad=False: np.take_along_axis(x, np.asarray(index), dim),
    "scatter": _scatter,
    "scatter_add": _scatter_add,
    "scatter_reduce": _scatter_reduce,
    "index_add": _index_add,
    "put": _put,
    "masked_select": _masked_select,
    "masked_scatter": _masked_scatter,
    "masked_scatter_backward": _masked_scatter_backward,
    "embedding": lambda weight, index, *_: weight[np.asarray(index)],
    "_embedding_bag": aten_layers.embedding_bag,
    "_embedding_bag_forward_only": aten_layers.embedding_bag,
    "_embedding_bag_backward": aten_layers.embedding_bag_backward,
    "_weight_norm_interface_backward": aten_layers.weight_norm_backward,
    "_pack_padded_sequence": aten_layers.pack,
    "_pack_padded_sequence_backward": aten_layers.pack_backward,
    "_scaled_dot_product_flash_attention_for_cpu_backward": aten_layers.attention_backward,
    "clone": lambda x: x.copy(),
    "_to_copy": lambda x, dtype=None: _cast(x, dtype),
    "convert_element_type": _cast,
    "zeros_like": _filled(0.0),
    "ones_like": _filled(1.0),
    "empty_like": _filled(0.0),
    "full_like": lambda x, value: np.full(np.shape(_plain(x)), float(value)),
    "new_zeros": lambda x, size: np.zeros(size),
    "new_ones": lambda x, size: np.ones(size),
    "new_empty": lambda x, size: np.zeros(size),
    "new_full": lambda x, size, value: np.full(size, float(value)),
    "_unsafe_view": lambda x, size: x.reshape(size).copy(),
    # These two promise that nobody sees their results share memory; so here they do not share it.
    "unsafe_split": lambda x, size, dim=0: tuple(v.copy() for v in _split(x, size, dim)),
    "unsafe_split_with_sizes": lambda x, sizes, dim=0: tuple(v.copy() for v in _parted(x, sizes, dim)),
    "sigmoid_backward": lambda g, y: g * (1.0 - y) * y,
    "tanh_backward": lambda g, y: g * (1.0 - y * y),
    **dict.fromkeys(
        ("softshrink_backward", "hardshrink_backward"),
        lambda g, x, bound: np.where(np.abs(_plain(x)) > bound, g, 0.0),
    ),
    "threshold_backward": lambda g, x, bound: np.where(_plain(x) > bound, g, 0.0),
}
"""By name, without overload. Operands are traced arrays, NumPy arrays and numbers."""


VIEWS: dict[str, Callable[..., Any]] = {
    "t": lambda x: x.T,
    "transpose": lambda x, a, b: np.swapaxes(x, a, b),
    "permute": lambda x, order: np.transpose(x, order),
    "view": lambda x, size: x.reshape(size),
    "select": _selected,
    "slice": _sliced,
    "unsqueeze": lambda x, dim: np.expand_dims(x, dim),
    "squeeze": _squeezed,
    "unbind": lambda x, dim=0: [_selected(x, dim, k) for k in range(x.shape[dim])],
    "split": _split,
    "split_with_sizes": _parted,
    "expand": lambda x, size, implicit=False: np.broadcast_to(
        x, [x.shape[k - len(size) + x.ndim] if n == -1 else n for k, n in enumerate(size)]
    ),
    "detach": lambda x: x,
    "alias": lambda x: x,
}
"""Operations whose results share memory with their first operand; views of NumPy's arrays too, but for `expand`."""
