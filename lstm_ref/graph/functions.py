"""NumPy's functions on traced arrays: moving elements, joining, reducing, products. Any other function is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from lstm_ref.graph import ufuncs
from lstm_ref.graph.array import (
    Array,
    assign,
    broadcast,
    index_view,
    is_traced,
    made,
    moved,
    reshape_view,
    reshaped,
    session,
    transpose_view,
    value_of,
    wrapped,
)

NO_VALUE: Any = getattr(np, "_NoValue", None)
"""NumPy's placeholder for an argument that was not given."""

TABLE: dict[Any, Callable[..., Any]] = {}
"""Our function for each of NumPy's."""


def _implements(*names: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            TABLE[getattr(np, name) if isinstance(name, str) else name] = f
        return f

    return register


def call(function: Any, arguments: Any, options: Any) -> Any:
    """Apply our version of a NumPy function; called by `__array_function__`."""
    if function in TABLE:
        out = options.get("out") if function not in HAVE_OUT else None
        if out is not None:
            options = {k: v for k, v in options.items() if k != "out"}
            ufuncs.store(out, TABLE[function](*arguments, **options))
            return out
        return TABLE[function](*arguments, **options)
    if function in WRITES:
        session().refuse(f"a result that {function.__name__} writes in place")
    plain, named = value_of(tuple(arguments)), {k: value_of(v) for k, v in options.items()}
    full_name = f"{function.__module__}.{function.__name__}".replace("numpy.", "np.", 1)
    if any(map(is_traced, (*_all(arguments), *options.values()))):
        if type(options.get("out")) is Array:
            session().refuse(f"{full_name}, which is not traced,")
        plain = _read(tuple(arguments), f"{full_name}, which is not traced,")
        named = {k: _read(v, f"{full_name}, which is not traced,") for k, v in options.items()}
        return _as_read(function(*plain, **named))
    result = function(*plain, **named)
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, np.ndarray) and any(np.may_share_memory(part, v) for v in _all(plain)):
            session().refuse(f"a view from np.{function.__name__}, which is not traced,")
    return tuple(map(wrapped, result)) if isinstance(result, tuple) else wrapped(result)


def _read(x: Any, what: str) -> Any:
    """Plain values for a function that is not traced."""
    if type(x) is Array:
        return session().read(x.value, what) if x.is_traced else x.value
    return type(x)(_read(v, what) for v in x) if type(x) in (list, tuple) else x


def _as_read(result: Any) -> Any:
    """What such a function gives, as constants."""
    if isinstance(result, (list, tuple)):
        return [_as_read(v) for v in result] if isinstance(result, list) else tuple(map(_as_read, result))
    return wrapped(np.array(result)) if isinstance(result, np.ndarray) else wrapped(result)


def _all(arguments: Any) -> list[Any]:
    return [v for a in arguments for v in (_all(a) if type(a) in (list, tuple) else [a])]


def array(x: Any) -> Any:
    """An `Array`, or what NumPy makes of numbers."""
    if type(x) is Array:
        return x
    from lstm_ref.graph.creation import array_of

    return array_of(x)


# ----------------------------------------------------------------------------------------------- elements that move


@_implements("transpose", "permute_dims")
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order."""
    x = array(x)
    return _axes(lambda v: np.transpose(v, axes), x)


@_implements("swapaxes")
def swapaxes(x: Any, a: int, b: int) -> Any:
    """Two axes exchanged."""
    return _axes(lambda v: np.swapaxes(v, a, b), x)


@_implements("moveaxis")
def moveaxis(x: Any, a: Any, b: Any) -> Any:
    """Axes moved."""
    return _axes(lambda v: np.moveaxis(v, a, b), x)


@_implements("rollaxis")
def rollaxis(x: Any, a: Any, b: Any = 0) -> Any:
    """An axis moved."""
    return _axes(lambda v: np.rollaxis(v, a, b), x)


@_implements("matrix_transpose")
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return swapaxes(x, -1, -2)


def _axes(f: Callable[[Any], Any], x: Any) -> Any:
    if type(x) is not Array:
        return f(x)
    if np.ndim(x.value) < 2:
        return x if np.ndim(x.value) == 0 else moved(x, f(x.value), reshape_view(x.value.shape, x.value.shape))
    sizes = np.empty(tuple(range(2, 2 + x.value.ndim)), dtype=bool)
    order = [n - 2 for n in f(sizes).shape]
    return moved(x, f(x.value), transpose_view(order))


def _in_order(order: Any) -> Callable[..., Any]:
    return lambda v, shape: np.reshape(v, shape, order=order)


@_implements("reshape")
def reshape(x: Any, shape: Any, order: str = "C", **_: Any) -> Any:
    """The elements in another shape."""
    x = array(x)
    shape, f = value_of(shape), _in_order(order)
    if type(x) is not Array:
        return f(x, shape)
    value = f(x.value, shape)
    if order == "C" or (order == "A" and not np.isfortran(x.value)):
        return moved(x, value, reshape_view(np.shape(x.value), value.shape))
    return _by_number(lambda v: f(v, shape), x, value)


@_implements("ravel")
def ravel(x: Any, order: str = "C") -> Any:
    """One axis."""
    return reshape(x, (-1,), order if order != "K" else "C")


def _reshaping(f: Callable[..., Any]) -> Callable[..., Any]:
    """A version of a function that only adds or removes axes of size one."""

    def on(x: Any, *arguments: Any, **options: Any) -> Any:
        if type(x) is not Array:
            return f(x, *arguments, **options)
        value = f(x.value, *arguments, **options)
        return moved(x, value, reshape_view(np.shape(x.value), np.shape(value)))

    return on


squeeze = _implements("squeeze")(_reshaping(np.squeeze))
expand_dims = _implements("expand_dims")(_reshaping(np.expand_dims))


def _at_least(name: str) -> None:
    f = getattr(np, name)

    @_implements(name)
    def on(*xs: Any) -> Any:
        found = [_reshaping(f)(array(x)) for x in xs]
        return found[0] if len(found) == 1 else tuple(found)


for _name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    _at_least(_name)


def _by_number(f: Callable[[Any], Any], x: Any, value: Any) -> Any:
    """The result of f on x, where f only moves elements: f is applied to the elements' numbers."""
    numbers = np.arange(np.size(x.value)).reshape(np.shape(x.value))
    return moved(x, value, index_view(f(numbers), numbers.shape))


def _moving(name: str) -> Callable[..., Any]:
    f = getattr(np, name)

    @_implements(name)
    def on(x: Any, *arguments: Any, **options: Any) -> Any:
        x = array(x)
        if any(map(is_traced, arguments)):
            session().refuse(f"an index of np.{name} that is traced")
        arguments, options = value_of(tuple(arguments)), {k: value_of(v) for k, v in options.items()}
        if type(x) is not Array:
            return f(x, *arguments, **options)
        return _by_number(lambda v: f(v, *arguments, **options), x, f(x.value, *arguments, **options))

    return on


for _name in (
    "flip", "fliplr", "flipud", "rot90", "roll", "repeat", "tile", "take", "take_along_axis", "diagonal", "delete",
    "resize",
):  # fmt: skip
    _moving(_name)
resize, repeat, take = TABLE[np.resize], TABLE[np.repeat], TABLE[np.take]


@_implements("extract")
def extract(condition: Any, x: Any) -> Any:
    """The elements where a mask is true."""
    return ravel(x)[np.ravel(value_of(condition)).astype(bool)]


@_implements("compress")
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The slices where a mask is true."""
    return take(x, np.flatnonzero(value_of(condition)), axis)


def _triangle(name: str) -> None:
    f = getattr(np, name)

    @_implements(name)
    def on(x: Any, k: int = 0) -> Any:
        return where(f(np.ones(np.shape(value_of(x))[-2:]), k).astype(bool), x, 0.0)


_triangle("triu")
_triangle("tril")


@_implements("diag")
def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, as a copy; the matrix of a diagonal."""
    if np.ndim(value_of(x)) == 2:
        return copy_of(TABLE[np.diagonal](x, k))
    n = len(value_of(x)) + abs(k)
    out = wrapped(np.zeros((n, n)))
    rows = np.arange(len(value_of(x)))
    assign(out, (rows + max(-k, 0), rows + max(k, 0)), x)
    return out


@_implements("trace")
def trace_(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    return sum_(TABLE[np.diagonal](x, offset, axis1, axis2), -1)


@_implements("broadcast_to")
def broadcast_to(x: Any, shape: Any, **_: Any) -> Any:
    """The array broadcast to a shape."""
    return ufuncs.broadcast_to(array(x), shape)


@_implements("broadcast_arrays")
def broadcast_arrays(*xs: Any, **_: Any) -> Any:
    """All arrays broadcast to one shape."""
    shape = np.broadcast_shapes(*(np.shape(value_of(x)) for x in xs))
    return tuple(broadcast_to(x, shape) for x in xs)


@_implements("copy")
def copy_of(x: Any, *_: Any, **__: Any) -> Any:
    """A copy with its own memory."""
    x = array(x)
    if type(x) is not Array:
        return np.copy(x)
    value = x.value.copy() if isinstance(x.value, np.ndarray) else x.value
    return made(value, lambda p: p, x)


@_implements("pad")
def pad(x: Any, widths: Any, mode: str = "constant", **options: Any) -> Any:
    """More elements at the ends."""
    x = array(x)
    numpy_pad: Any = np.pad
    value = numpy_pad(x.value, widths, mode, **{k: value_of(v) for k, v in options.items()})
    if mode != "constant":
        if mode not in ("edge", "reflect", "wrap", "symmetric") or options:
            session().refuse(f"np.pad of mode {mode}")
        return _by_number(lambda v: numpy_pad(v, widths, mode), x, value)
    inside = np.pad(np.zeros(np.shape(x.value)), widths, constant_values=1) == 0
    where_inside = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(inside)) if inside.any() else ...
    outside = np.pad(np.zeros(np.shape(x.value)), widths, **options)
    out = wrapped(outside.astype(float))
    assign(out, where_inside, x)
    return out


# -------------------------------------------------------------------------------------------------- joined, and apart


@_implements("concatenate", "concat")
def concatenate(xs: Any, axis: int | None = 0, **_: Any) -> Any:
    """Along an axis that is there."""
    xs = [array(x) for x in xs]
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    value = np.concatenate([value_of(x) for x in xs], axis)
    axis = int(axis) % value.ndim
    return made(value, lambda *ps: lax.concatenate(ps, axis), *xs)


@_implements("stack")
def stack(xs: Any, axis: int = 0, **_: Any) -> Any:
    """Along a new axis."""
    xs = [array(x) for x in xs]
    if not xs or len({np.shape(value_of(x)) for x in xs}) > 1:
        raise ValueError("all input arrays must have the same shape")
    return concatenate([expand_dims(x, axis) for x in xs], axis)


@_implements("vstack")
def vstack(xs: Any, **_: Any) -> Any:
    """Rows."""
    return concatenate([TABLE[np.atleast_2d](x) for x in xs], 0)


@_implements("hstack")
def hstack(xs: Any, **_: Any) -> Any:
    """Columns, or vectors one after another."""
    xs = [TABLE[np.atleast_1d](x) for x in xs]
    return concatenate(xs, 0 if np.ndim(value_of(xs[0])) == 1 else 1)


@_implements("dstack")
def dstack(xs: Any) -> Any:
    """Along the third axis."""
    return concatenate([TABLE[np.atleast_3d](x) for x in xs], 2)


@_implements("column_stack")
def column_stack(xs: Any) -> Any:
    """Vectors as columns."""
    xs = [array(x) for x in xs]
    return concatenate([reshape(x, (-1, 1)) if np.ndim(value_of(x)) < 2 else x for x in xs], 1)


@_implements("append")
def append(x: Any, more: Any, axis: int | None = None) -> Any:
    """Joined."""
    return concatenate([x, more], axis)


@_implements("block")
def block(parts: Any) -> Any:
    """Blocks of a matrix."""
    if not isinstance(parts, list):
        return TABLE[np.atleast_2d](parts)
    if not any(isinstance(p, list) for p in parts):
        return concatenate([TABLE[np.atleast_2d](p) for p in parts], -1)
    return concatenate([block(p) for p in parts], -2)


@_implements("array_split")
def array_split(x: Any, cuts: Any, axis: int = 0) -> Any:
    """Views of pieces."""
    x = array(x)
    n = np.shape(x.value)[axis]
    pieces = np.array_split(np.arange(n), value_of(cuts))
    rest = (slice(None),) * (axis % np.ndim(x.value))
    starts = np.cumsum([0, *map(len, pieces)])
    return [x[(*rest, slice(int(a), int(b)))] for a, b in pairwise(starts)]


@_implements("split")
def split(x: Any, cuts: Any, axis: int = 0) -> Any:
    """Views of equal pieces."""
    if isinstance(cuts, (int, np.integer)) and np.shape(value_of(x))[axis] % cuts:
        raise ValueError("array split does not result in an equal division")
    return array_split(x, cuts, axis)


@_implements("hsplit")
def hsplit(x: Any, cuts: Any) -> Any:
    """Split along the second axis."""
    return split(x, cuts, 1 if np.ndim(value_of(x)) > 1 else 0)


@_implements("vsplit")
def vsplit(x: Any, cuts: Any) -> Any:
    """Split along the first axis."""
    return split(x, cuts, 0)


@_implements("unstack")
def unstack(x: Any, *, axis: int = 0) -> Any:
    """The slices along an axis."""
    return tuple(moveaxis(x, axis, 0))


# ------------------------------------------------------------------------------------------------ written in place


@_implements("copyto")
def copyto(target: Any, x: Any, casting: str = "", where: Any = True) -> None:
    """target[...] = x."""
    ufuncs.store(target, array(x), where)


@_implements("put")
def put(target: Any, which: Any, new: Any, mode: str = "raise") -> None:
    """Write elements by their numbers."""
    target.put(which, new)


@_implements("putmask", "place")
def putmask(target: Any, mask: Any, new: Any) -> None:
    """Write elements where a mask is true."""
    if np.ndim(value_of(new)):
        session().refuse("np.putmask and np.place with an array of values")
    target[value_of(mask)] = new


@_implements("fill_diagonal")
def fill_diagonal(target: Any, new: Any, wrap: bool = False) -> None:
    """The diagonal."""
    n = np.arange(min(np.shape(value_of(target))))
    target[(n,) * np.ndim(value_of(target))] = new


@_implements("put_along_axis")
def put_along_axis(target: Any, index: Any, new: Any, axis: int) -> None:
    """Write elements by indices along an axis."""
    numbers = np.arange(np.size(value_of(target))).reshape(np.shape(value_of(target)))
    at = np.unravel_index(np.take_along_axis(numbers, value_of(index), axis), numbers.shape)
    target[at] = new


# -------------------------------------------------------------------------------------------------------- reductions


def _axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    return tuple(int(a) % rank for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))


def _all_true(where: Any) -> bool:
    return where is None or where is True or where is NO_VALUE


def _reduce_axes(value: Any, x: Any, axis: Any, reduce: Callable[[Any, tuple[int, ...]], Any]) -> Any:
    axes = _axes_of(axis, np.ndim(value_of(x)))
    return made(value, lambda p: reshaped(reduce(p, axes), np.shape(value)), x)


_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.add: lambda p, axes: lax.reduce_sum(p, axes),
    np.multiply: lambda p, axes: lax.reduce_prod(p, axes),
    np.maximum: lambda p, axes: lax.reduce_max(p, axes),
    np.minimum: lambda p, axes: lax.reduce_min(p, axes),
}


def reduce(ufunc: np.ufunc, x: Any, axis: Any = 0, keepdims: Any = False, where: Any = True, **options: Any) -> Any:
    """`ufunc.reduce`."""
    x = array(x)
    initial = options.pop("initial", NO_VALUE)
    for name, v in options.items():
        if name == "dtype" and v is not None:
            ufuncs.note_cast(v)
    if not _all_true(where):
        neutrals: dict[Any, float] = {np.add: 0.0, np.multiply: 1.0, np.maximum: -np.inf, np.minimum: np.inf}
        neutral = neutrals.get(ufunc)
        if neutral is None:
            session().refuse(f"np.{ufunc.__name__}.reduce with where=")
        x = TABLE[np.where](value_of(where), x, neutral)
    keep = bool(keepdims) and keepdims is not NO_VALUE
    value = ufunc.reduce(value_of(x), axis=axis, keepdims=keep)
    if is_traced(x) and ufunc not in _REDUCTIONS:
        if value.dtype.kind in "bi":
            return session().decide(value)
        session().refuse(f"np.{ufunc.__name__}.reduce")
    result = _reduce_axes(value, x, axis, _REDUCTIONS.get(ufunc, lambda p, axes: p))
    if initial is not NO_VALUE and initial is not None:
        result = ufuncs.elementwise(ufunc, result, initial)
    return result


_ACCUMULATIONS: dict[Any, Callable[..., Any]] = {
    np.add: lax.cumsum,
    np.multiply: lax.cumprod,
    np.maximum: lax.cummax,
    np.minimum: lax.cummin,
}


def accumulate(ufunc: np.ufunc, x: Any, axis: int = 0, **_: Any) -> Any:
    """`ufunc.accumulate`."""
    f = _ACCUMULATIONS.get(ufunc)
    x = array(x)
    if f is None:
        session().refuse(f"np.{ufunc.__name__}.accumulate")
    axis = axis % np.ndim(value_of(x))
    return made(ufunc.accumulate(value_of(x), axis), lambda p: f(p, axis), x)


def _reduction(ufunc: np.ufunc, *names: str) -> Callable[..., Any]:
    @_implements(*names)
    def on(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any) -> Any:
        if ufunc in (np.maximum, np.minimum) and dtype is not None:  # these have no dtype
            out, dtype = dtype, None
        result = reduce(ufunc, x, axis, keepdims, dtype=dtype, **options)
        if out is not None:
            ufuncs.store(out, result)
            return out
        return result

    return on


sum_ = _reduction(np.add, "sum")
prod = _reduction(np.multiply, "prod")
max_ = _reduction(np.maximum, "max", "amax", "nanmax")
min_ = _reduction(np.minimum, "min", "amin", "nanmin")


@_implements("nansum")
def nansum(x: Any, *arguments: Any, **options: Any) -> Any:
    """The sum of the elements that are not NaN."""
    return sum_(where(np.isnan(x), 0.0, x), *arguments, **options)


@_implements("mean")
def mean(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any) -> Any:
    """The sum over the number of elements."""
    x = array(x)
    if not _all_true(options.get("where")):
        session().refuse("np.mean with where=")
    n = np.prod([np.shape(value_of(x))[a] for a in _axes_of(axis, np.ndim(value_of(x)))])
    result = sum_(x, axis, dtype, None, keepdims) / float(n)
    if out is not None:
        ufuncs.store(out, result)
        return out
    return result


@_implements("average")
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The weighted mean."""
    if weights is None:
        return mean(x, axis)
    if np.shape(value_of(weights)) != np.shape(value_of(x)):
        shape = [1] * np.ndim(value_of(x))
        shape[axis] = -1
        weights = reshape(weights, shape)
    weights = broadcast_to(weights, np.shape(value_of(x)))
    return sum_(x * weights, axis) / sum_(weights, axis)


@_implements("var")
def var(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False) -> Any:
    """The mean square about the mean."""
    x = array(x)
    n = np.prod([np.shape(value_of(x))[a] for a in _axes_of(axis, np.ndim(value_of(x)))])
    about = x - mean(x, axis, keepdims=True)
    return sum_(np.square(about), axis, keepdims=keepdims) / float(n - ddof)


@_implements("std")
def std(x: Any, *arguments: Any, **options: Any) -> Any:
    """The square root of `var`."""
    return np.sqrt(var(x, *arguments, **options))


@_implements("ptp")
def ptp(x: Any, axis: Any = None) -> Any:
    """Largest less smallest."""
    return max_(x, axis) - min_(x, axis)


@_implements("median")
def median(x: Any, axis: Any = None) -> Any:
    """The middle one, or the mean of the two."""
    x = sort(x, axis)
    axis = 0 if axis is None else axis
    n = np.shape(value_of(x))[axis]
    return mean(take(x, [(n - 1) // 2, n // 2], axis), axis)


def _accumulation(ufunc: np.ufunc, *names: str) -> Callable[..., Any]:
    @_implements(*names)
    def on(x: Any, axis: Any = None, *_: Any, **__: Any) -> Any:
        return accumulate(ufunc, ravel(x) if axis is None else x, axis or 0)

    return on


cumsum = _accumulation(np.add, "cumsum")
cumprod = _accumulation(np.multiply, "cumprod")


@_implements("nanmean")
def nanmean(x: Any, axis: Any = None, **options: Any) -> Any:
    """The mean of the elements that are not NaN."""
    return nansum(x, axis, **options) / np.sum(~np.isnan(value_of(array(x))), axis, **options)


@_implements("trapezoid" if hasattr(np, "trapezoid") else "trapz")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral over straight lines between the points."""
    y = moveaxis(array(y), axis, -1)
    widths = dx if x is None else diff(x)
    return sum_(widths * (y[..., 1:] + y[..., :-1]) / 2.0, -1)


@_implements("polyval")
def polyval(p: Any, x: Any) -> Any:
    """A polynomial by Horner's rule, the highest power first."""
    total: Any = 0.0
    for c in array(p):
        total = total * x + c
    return total


@_implements("diff")
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Neighbours' differences."""
    x = array(x)
    for _ in range(n):
        y = moveaxis(x, axis, -1)
        x = moveaxis(y[..., 1:] - y[..., :-1], -1, axis)
    return x


@_implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The 2-norm and the norms of order 1 and infinity."""
    x = array(x)
    rank = np.ndim(value_of(x)) if axis is None else len(_axes_of(axis, np.ndim(value_of(x))))
    if ord is None or ord == "fro" or (ord == 2 and rank == 1):
        return np.sqrt(sum_(np.square(x), axis, keepdims=keepdims))
    if ord == 1 and rank == 1:
        return sum_(np.abs(x), axis, keepdims=keepdims)
    if ord == np.inf and rank == 1:
        return max_(np.abs(x), axis, keepdims=keepdims)
    if isinstance(ord, (int, float)) and ord > 0 and rank == 1:
        return sum_(np.abs(x) ** ord, axis, keepdims=keepdims) ** (1 / ord)
    return session().refuse(f"np.linalg.norm with ord={ord}")


# ---------------------------------------------------------------------------------------------------------- products


@_implements("dot")
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """np.dot."""
    result = ufuncs.product(np.dot, array(a), array(b))
    if out is not None:
        ufuncs.store(out, result)
        return out
    return result


@_implements("vdot")
def vdot(a: Any, b: Any) -> Any:
    """The dot product over all elements."""
    return dot(ravel(a), ravel(b))


@_implements("inner")
def inner(a: Any, b: Any) -> Any:
    """The dot product along the last axes."""
    a, b = array(a), array(b)
    if min(np.ndim(value_of(a)), np.ndim(value_of(b))) == 0:
        return a * b
    rank_a, rank_b = np.ndim(value_of(a)), np.ndim(value_of(b))
    value = np.inner(value_of(a), value_of(b))
    return made(value, lambda p, q: lax.dot_general(p, q, (((rank_a - 1,), (rank_b - 1,)), ((), ()))), a, b)


@_implements("outer")
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Every product."""
    result = reshape(a, (-1, 1)) * reshape(b, (1, -1))
    if out is not None:
        ufuncs.store(out, result)
        return out
    return result


@_implements("kron")
def kron(a: Any, b: Any) -> Any:
    """Every product, as blocks."""
    a, b = TABLE[np.atleast_2d](a), TABLE[np.atleast_2d](b)
    (m, n), (p, q) = np.shape(value_of(a)), np.shape(value_of(b))
    return reshape(reshape(a, (m, 1, n, 1)) * reshape(b, (1, p, 1, q)), (m * p, n * q))


@_implements("tensordot")
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sums of products over axes of both arrays."""
    a, b = array(a), array(b)
    value = np.tensordot(value_of(a), value_of(b), axes)
    n = np.ndim(value_of(a))
    over: Any
    if isinstance(axes, int):
        over = tuple(range(n - axes, n)), tuple(range(axes))
    else:
        over = tuple(_axes_of(x, np.ndim(value_of(v))) for x, v in zip(axes, (a, b), strict=True))
    return made(value, lambda p, q: lax.dot_general(p, q, (over, ((), ()))), a, b)


@_implements("einsum")
def einsum(spec: Any, *xs: Any, optimize: Any = None, **_: Any) -> Any:
    """Sums of products by the names of axes."""
    if not isinstance(spec, str):
        session().refuse("np.einsum without names of axes")
    xs = tuple(map(array, xs))
    return made(np.einsum(spec, *map(value_of, xs)), lambda *ps: jnp.einsum(spec, *ps), *xs)


@_implements("cross")
def cross(a: Any, b: Any, **_: Any) -> Any:
    """The cross product of vectors of length three."""
    x = [a[..., i] for i in range(3)]
    y = [b[..., i] for i in range(3)]
    parts = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return stack(parts, -1)


@_implements(np.linalg.multi_dot)
def multi_dot(xs: Any) -> Any:
    """The product of several matrices, one after another."""
    result = xs[0]
    for x in xs[1:]:
        result = dot(result, x)
    return result


def _by_jax(f: Callable[..., Any], of_jax: Callable[..., Any]) -> None:
    @_implements(f)
    def on(*xs: Any) -> Any:
        xs = tuple(map(array, xs))
        return made(f(*map(value_of, xs)), of_jax, *xs)


for _name in ("inv", "solve", "det", "cholesky"):
    _by_jax(getattr(np.linalg, _name), getattr(jnp.linalg, _name))


@_implements(np.linalg.slogdet)
def slogdet(x: Any) -> Any:
    """The sign of the determinant, which is decided, and the logarithm of its size."""
    x = array(x)
    found = np.linalg.slogdet(value_of(x))
    sign = session().decide(found.sign) if is_traced(x) else found.sign
    return type(found)(sign, made(found.logabsdet, lambda p: jnp.linalg.slogdet(p)[1], x))


@_implements(np.linalg.matrix_power)
def matrix_power(x: Any, n: int) -> Any:
    """x @ x @ ... @ x, n times; of the inverse where n is negative."""
    x = array(x)
    if n == 0:
        return np.broadcast_to(np.eye(np.shape(value_of(x))[-1]), np.shape(value_of(x))).copy()
    x = TABLE[np.linalg.inv](x) if n < 0 else x
    result = x
    for _ in range(abs(n) - 1):
        result = ufuncs.product(np.matmul, result, x)
    return result


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """The dot products along an axis."""
    return sum_(array(a) * array(b), axis)


_IN_LINALG = {
    "outer": outer,
    "cross": cross,
    "tensordot": tensordot,
    "vecdot": vecdot,
    "vector_norm": norm,
    "trace": trace_,
}
for _name in _IN_LINALG:
    if hasattr(np.linalg, _name):  # since NumPy 2
        TABLE[getattr(np.linalg, _name)] = _IN_LINALG[_name]


def _sum_over_taps(value: Any, a: Any, b: Any, mode: str, backwards: bool) -> Any:
    """Σ_k a[j − k] b[k] for the places j of the mode, one term for each k; with b backwards, the correlation."""
    n, m = len(value_of(a)), len(value_of(b))
    first = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode] + m - 1
    order = range(m)[::-1] if backwards else range(m)

    def build(p: Any, q: Any) -> Any:
        wide = lax.pad(p, 0.0, [(m - 1, m - 1, 0)])
        return sum(wide[first - k : first - k + len(value)] * q[at] for k, at in enumerate(order))

    return made(value, build, a, b)


@_implements("convolve")
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Convolution, as the sum of the products of all pairs."""
    a, v = array(a), array(v)
    return _sum_over_taps(np.convolve(value_of(a), value_of(v), mode), a, v, mode, False)  # type: ignore[call-overload]


@_implements("correlate")
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The same with the second array reversed."""
    a, v = array(a), array(v)
    if len(value_of(a)) < len(value_of(v)):
        session().refuse("np.correlate with a longer second array")
    return _sum_over_taps(np.correlate(value_of(a), value_of(v), mode), a, v, mode, True)  # type: ignore[call-overload]


@_implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    """For every place, what stands in a window."""
    if options.get("writeable"):
        session().refuse("a writeable sliding_window_view")
    value = np.lib.stride_tricks.sliding_window_view(value_of(x), window_shape, axis)
    widths = np.atleast_1d(window_shape)
    axes = range(np.ndim(value_of(x))) if axis is None else np.atleast_1d(axis) % np.ndim(value_of(x))

    def build(p: Any) -> Any:
        for along, width in zip(axes, widths, strict=True):
            n = p.shape[along] - width + 1
            p = jnp.stack([lax.slice_in_dim(p, k, k + n, axis=int(along)) for k in range(width)], axis=-1)
        return p

    return made(value, build, x)


# ------------------------------------------------------------------------------------------------- chosen elements


@_implements("where")
def where(condition: Any, *cases: Any) -> Any:
    """np.where."""
    mask = value_of(condition)
    if is_traced(condition):
        mask = session().decide(np.not_equal(mask, 0))
    if not cases:
        return np.nonzero(mask)
    mask = np.asarray(mask) != 0
    a, b = map(array, cases)
    value = np.where(mask, ufuncs._float64(value_of(a)), ufuncs._float64(value_of(b)))

    def build(p: Any, q: Any) -> Any:
        shape = value.shape
        return lax.select_n(np.broadcast_to(mask, shape).copy(), broadcast(q, shape), broadcast(p, shape))

    return made(value, build, a, b)


@_implements("clip")
def clip(x: Any, low: Any = None, high: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """The array limited to the range between two numbers."""
    low, high = (low if min is None else min), (high if max is None else max)
    result = x if low is None else np.maximum(x, low)
    result = result if high is None else np.minimum(result, high)
    if out is not None:
        ufuncs.store(out, result)
        return out
    return result


@_implements("select")
def select(conditions: Any, cases: Any, default: Any = 0) -> Any:
    """The first case that holds."""
    result = default
    for condition, case in reversed(list(zip(conditions, cases, strict=True))):
        result = where(condition, case, result)
    return result


@_implements("sort")
def sort(x: Any, axis: Any = -1, **_: Any) -> Any:
    """Sort in the order found at the traced values."""
    x = array(x)
    if axis is None:
        x, axis = ravel(x), -1
    order = np.argsort(value_of(x), axis, kind="stable")
    if is_traced(x):
        session().decide(order)
    return TABLE[np.take_along_axis](x, order, axis)


@_implements("nan_to_num")
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, **_: Any) -> Any:
    """Replace NaN. An array with infinities is refused."""
    if not np.all(np.isfinite(value_of(x)) | np.isnan(value_of(x))):
        session().refuse("np.nan_to_num of infinities")
    return where(np.isnan(x), nan, x)


@_implements("round", "around")
def round_(x: Any, decimals: int = 0, **_: Any) -> Any:
    """Round to decimals; the derivative is 0."""
    return np.rint(x) if decimals == 0 else np.rint(x * 10.0**decimals) / 10.0**decimals


@_implements("real", "real_if_close")
def real(x: Any) -> Any:
    """The array itself."""
    return x


@_implements("sinc")
def sinc(x: Any) -> Any:
    """sin πx / πx."""
    y = np.pi * where(np.equal(x, 0), 1e-20, x)
    return np.sin(y) / y


@_implements("apply_along_axis")
def apply_along_axis(f: Any, axis: int, x: Any, *arguments: Any, **options: Any) -> Any:
    """Apply f to every slice along the axis."""
    lines = moveaxis(array(x), axis, -1)
    outer_shape = np.shape(value_of(lines))[:-1]
    found = [f(lines[i], *arguments, **options) for i in np.ndindex(outer_shape)]
    joined = stack(found)
    joined = reshape(joined, (*outer_shape, *np.shape(value_of(joined))[1:]))
    return moveaxis(joined, -1, axis) if np.ndim(value_of(found[0])) else joined


# ------------------------------------------------------------------------------ what is decided, or only looked at


def _decision(f: Any) -> None:
    @_implements(f)
    def on(*arguments: Any, **options: Any) -> Any:
        plain = value_of(tuple(arguments))
        result = f(*plain, **{k: value_of(v) for k, v in options.items()})
        if any(map(is_traced, _all(arguments))):
            for part in result if isinstance(result, tuple) else (result,):
                session().decide(part)
        return result


_DECIDING: tuple[Any, ...] = (
    np.argmax, np.argmin, np.argsort, np.argpartition, np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero,
    np.searchsorted, np.digitize, np.any, np.all, np.allclose, np.isclose, np.array_equal, np.nanargmax, np.isneginf,
    np.isposinf, np.array_equiv, np.bincount, np.lexsort,
)  # fmt: skip
for _f in _DECIDING:
    _decision(_f)


def _inspection(f: Any) -> None:
    @_implements(f)
    def on(*arguments: Any, **options: Any) -> Any:
        return f(*value_of(tuple(arguments)), **options)


_LOOKED_AT: tuple[Any, ...] = (
    np.shape, np.ndim, np.size, np.array2string, np.array_repr, np.array_str, np.result_type, np.can_cast,
    np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj, np.isreal, np.iscomplex, np.savetxt, np.save,
    np.savez, np.shares_memory, np.may_share_memory, np.tril_indices_from, np.triu_indices_from, np.diag_indices_from,
    np.ix_, np.broadcast_shapes, np.isfortran,
)  # fmt: skip
for _f in _LOOKED_AT:
    _inspection(_f)


def _like(f: Any) -> None:
    @_implements(f)
    def on(x: Any, *arguments: Any, dtype: Any = None, **options: Any) -> Any:
        if any(map(is_traced, arguments)):
            out = wrapped(np.zeros(options.get("shape") or np.shape(value_of(x))))
            assign(out, ..., arguments[0])
            return out
        if dtype is not None:
            ufuncs.note_cast(dtype) if np.dtype(dtype).kind in "fc" else None
        options.pop("subok", None)
        return wrapped(f(value_of(x), *arguments, dtype=dtype, **options))


for _name in ("zeros_like", "ones_like", "empty_like", "full_like"):
    _like(getattr(np, _name))

HAVE_OUT = {np.sum, np.prod, np.max, np.min, np.mean, np.dot, np.outer, np.clip, np.var, np.std, np.amax, np.amin}
"""Functions that have `out` among their own parameters."""
WRITES = {np.copyto, np.put, np.putmask, np.place, np.fill_diagonal, np.put_along_axis}

METHODS: dict[str, Callable[..., Any]] = {
    "sum": sum_, "prod": prod, "max": max_, "min": min_, "mean": mean, "var": var, "std": std, "cumsum": cumsum,
    "cumprod": cumprod, "clip": clip, "round": round_, "squeeze": squeeze, "swapaxes": swapaxes, "repeat": repeat,
    "take": take, "trace": trace_, "diagonal": TABLE[np.diagonal], "argmax": TABLE[np.argmax],
    "argmin": TABLE[np.argmin], "argsort": TABLE[np.argsort], "nonzero": TABLE[np.nonzero], "any": TABLE[np.any],
    "all": TABLE[np.all], "conj": real, "conjugate": real, "searchsorted": TABLE[np.searchsorted], "ptp": ptp,
    "compress": lambda x, condition, axis=None: compress(condition, x, axis),
}  # fmt: skip
"""Array methods implemented by functions of this file."""
