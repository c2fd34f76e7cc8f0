"""NumPy's and SciPy's elementwise functions on traced arrays, each by the equivalent `lax` function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from lstm_ref.graph.array import (
    Array,
    assign,
    broadcast,
    is_traced,
    lifted,
    made,
    reshaped,
    session,
    value_of,
    wrapped,
)


def aligned(*xs: Any) -> list[Any]:
    """Operands with leading axes of size one added, so that all but scalars have the same number of axes."""
    rank = max(np.ndim(x) for x in xs)
    return [x if np.ndim(x) in (0, rank) else reshaped(x, (1,) * (rank - np.ndim(x)) + np.shape(x)) for x in xs]


def _binary(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: f(*aligned(a, b))


def same_shape(f: Callable[..., Any]) -> Callable[..., Any]:
    """A version of a `lax` function that does not broadcast: broadcasts its operands first."""

    def on(*xs: Any) -> Any:
        shape = np.broadcast_shapes(*map(np.shape, xs))
        return f(*(broadcast(x, shape) for x in xs))

    return on


def _power(a: Any, b: Any) -> Any:
    if isinstance(b, (np.ndarray, np.generic)) and np.ndim(b) == 0:
        if float(b) == 2:
            return lax.square(a)
        if float(b) == 0.5:
            return lax.sqrt(a)
        if float(b).is_integer() and abs(float(b)) < 100:
            return lax.integer_pow(a, int(b))
    return same_shape(lax.pow)(a, b)


def _floor_divide(a: Any, b: Any) -> Any:
    return lax.floor(lax.div(*aligned(a, b)))


def _remainder(a: Any, b: Any) -> Any:
    return lax.sub(*aligned(a, lax.mul(*aligned(_floor_divide(a, b), b))))


def _logaddexp(a: Any, b: Any) -> Any:
    top = lax.max(*aligned(a, b))
    return lax.add(top, lax.log1p(lax.exp(lax.neg(lax.abs(lax.sub(*aligned(a, b)))))))


def _xlogy(a: Any, b: Any) -> Any:
    a, b = (broadcast(x, np.broadcast_shapes(np.shape(a), np.shape(b))) for x in (a, b))
    zero = lax.eq(a, lax.full_like(a, 0))
    return lax.select(zero, lax.full_like(a, 0), lax.mul(a, lax.log(lax.select(zero, lax.full_like(b, 1), b))))


def _scaled(factor: float) -> Callable[..., Any]:
    return lambda x: lax.mul(x, np.float64(factor))


LAX: dict[str, Callable[..., Any]] = {
    "add": _binary(lax.add),
    "subtract": _binary(lax.sub),
    "multiply": _binary(lax.mul),
    "divide": _binary(lax.div),
    "maximum": _binary(lax.max),
    "minimum": _binary(lax.min),
    "fmax": _binary(lax.max),
    "fmin": _binary(lax.min),
    "power": _power,
    "float_power": _power,
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "fmod": same_shape(lax.rem),
    "arctan2": same_shape(lax.atan2),
    "hypot": lambda a, b: lax.sqrt(lax.add(*aligned(lax.square(a), lax.square(b)))),
    "logaddexp": _logaddexp,
    "copysign": same_shape(lambda a, b: lax.mul(lax.abs(a), lax.sign(b))),
    "negative": lax.neg,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "absolute": lax.abs,
    "fabs": lax.abs,
    "sign": lax.sign,
    "exp": lax.exp,
    "exp2": lambda x: lax.exp(lax.mul(x, np.float64(math.log(2)))),
    "expm1": lax.expm1,
    "log": lax.log,
    "log2": lambda x: lax.div(lax.log(x), np.float64(math.log(2))),
    "log10": lambda x: lax.div(lax.log(x), np.float64(math.log(10))),
    "log1p": lax.log1p,
    "sqrt": lax.sqrt,
    "cbrt": lax.cbrt,
    "square": lax.square,
    "reciprocal": lambda x: lax.div(np.float64(1), x),
    "sin": lax.sin,
    "cos": lax.cos,
    "tan": lax.tan,
    "arcsin": lax.asin,
    "arccos": lax.acos,
    "arctan": lax.atan,
    "sinh": lax.sinh,
    "cosh": lax.cosh,
    "tanh": lax.tanh,
    "arcsinh": lax.asinh,
    "arccosh": lax.acosh,
    "arctanh": lax.atanh,
    "floor": lax.floor,
    "ceil": lax.ceil,
    "trunc": lambda x: lax.mul(lax.sign(x), lax.floor(lax.abs(x))),
    "rint": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "deg2rad": _scaled(math.pi / 180),
    "radians": _scaled(math.pi / 180),
    "rad2deg": _scaled(180 / math.pi),
    "degrees": _scaled(180 / math.pi),
    # SciPy's
    "expit": lax.logistic,
    "log_expit": lambda x: lax.neg(_logaddexp(lax.neg(x), np.float64(0))),
    "logit": lambda x: lax.log(lax.div(x, lax.sub(np.float64(1), x))),
    "erf": lax.erf,
    "erfc": lax.erfc,
    "xlogy": _xlogy,
    "gammaln": lax.lgamma,
    "psi": lax.digamma,
}
"""The `lax` functions by the ufunc's name. Ufuncs that do not return floats need no entry."""


COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


def elementwise(ufunc: np.ufunc, *inputs: Any) -> Any:
    """Apply a ufunc to operands of which at least one is an `Array`, or a list that holds one."""
    name = ufunc.__name__
    inputs = tuple(_array(x) if isinstance(x, (list, tuple)) and is_traced(x) else x for x in inputs)
    values = [_float64(value_of(x)) for x in inputs]
    if ufunc is np.matmul:
        return product(np.matmul, *inputs)
    if (len(ufunc.types) == 1 and ufunc.types[0].endswith("O")) or any(map(is_object, values)):
        return ufunc(*map(as_objects, inputs))  # such as a ufunc from np.frompyfunc
    value = ufunc(*values)
    if not any(map(is_traced, inputs)):
        return tuple(map(wrapped, value)) if isinstance(value, tuple) else wrapped(value)
    if isinstance(value, tuple):
        if ufunc is np.divmod:
            return elementwise(np.floor_divide, *inputs), elementwise(np.remainder, *inputs)
        session().refuse(f"np.{name}")
    if value.dtype.kind in "biu":
        session().tied |= name in COMPARISONS and bool(np.any(np.equal(*values)))
        return session().decide(value)
    if name not in LAX:
        session().refuse(f"{name} (not traced)")
    return made(value, LAX[name], *inputs)


def _array(x: Any) -> Any:
    from lstm_ref.graph.creation import array_of

    return array_of(x)


def _float64(v: Any) -> Any:
    """Constants in float32 keep their exact values in float64; the sum with a traced number is not rounded to
    float32."""
    if getattr(v, "dtype", None) in (np.float32, np.float16):
        return v.astype(np.float64)
    return np.asarray(v) if isinstance(v, (list, tuple)) else v


def is_object(x: Any) -> bool:
    """Whether the value is an array of Python objects."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "O"


def as_objects(x: Any) -> Any:
    """An object array of scalars, each traced separately."""
    if type(x) is not Array:
        return np.array(x, dtype=object)
    out = np.empty(np.shape(x.value), dtype=object)
    for where in np.ndindex(out.shape):
        out[where] = x[where]
    return out


def call(ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """Apply a ufunc or one of its methods; called by `__array_ufunc__`."""
    if method == "at":
        return _at(ufunc, *inputs)
    out, where = options.pop("out", None), options.pop("where", True)
    for name in ("dtype", "casting", "order", "subok", "signature"):
        found = options.pop(name, None)
        if name == "dtype" and found is not None:
            note_cast(found)
    if method == "__call__":
        result = elementwise(ufunc, *inputs)
    elif method == "outer":
        a, b = inputs
        result = elementwise(ufunc, _column(a, np.ndim(value_of(b))), b)
    elif method == "reduce":
        from lstm_ref.graph.functions import reduce

        result = reduce(ufunc, *inputs, **options)
        options = {}
    elif method == "accumulate":
        from lstm_ref.graph.functions import accumulate

        result = accumulate(ufunc, *inputs, **options)
        options = {}
    else:
        session().refuse(f"np.{ufunc.__name__}.{method}")
    if options:
        session().refuse(f"np.{ufunc.__name__} with {', '.join(options)}")
    if out is None:
        if where is not True:
            session().refuse(f"np.{ufunc.__name__} with where= and without out=")
        return result
    outs = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, new in zip(outs, results, strict=True):
        store(target, new, where)
    return out[0] if isinstance(out, tuple) and len(out) == 1 else out


def store(target: Any, new: Any, where: Any = True) -> None:
    """target[...] = new, where the mask is true."""
    if type(target) is not Array:
        if is_traced(new):
            session().refuse("what is written into an array that the trace did not see made")
        target[...] = np.where(value_of(where), value_of(new), target) if where is not True else value_of(new)
    elif where is True:
        assign(target, ..., new)
    else:
        mask = np.broadcast_to(value_of(where), target.value.shape)
        assign(target, mask, broadcast_to(new, mask.shape)[mask])


def broadcast_to(x: Any, shape: Any) -> Any:
    """np.broadcast_to."""
    value = np.broadcast_to(value_of(x), shape)
    if type(x) is not Array:
        return value
    have = np.shape(x.value)
    if have == value.shape:
        return x
    return made(value.copy(), lambda p: broadcast(p, value.shape), x)


def _column(a: Any, rank: int) -> Any:
    a = a if type(a) is Array else np.asarray(a)
    return a.reshape(np.shape(value_of(a)) + (1,) * rank)


def _at(ufunc: np.ufunc, target: Any, key: Any, new: Any = None) -> None:
    key = value_of(key)
    if type(target) is not Array:
        session().refuse("what is written into an array that the trace did not see made")
    index = np.arange(target.value.size).reshape(target.value.shape)[key]
    was_traced = target.is_traced
    if not was_traced and not is_traced(new):
        ufunc.at(target.value, key, value_of(new))
        target.written(None)
        return
    if ufunc not in (np.add, np.subtract):
        session().refuse(f"np.{ufunc.__name__}.at")
    before = None if session().dry else target.lifted()
    ufunc.at(target.value, key, value_of(new))
    if session().dry:
        target.written(before)
        return
    update = broadcast(lifted(new), index.shape)
    if ufunc is np.subtract:
        update = lax.neg(update)
    flat = scattered_add(before, index, update)
    target.written(flat)


def scattered_add(before: Any, index: np.ndarray, update: Any) -> Any:
    """The tracer of an array after updates are added at these numbers of elements."""
    from lstm_ref.graph.array import scattered

    shape = np.shape(before)
    flat = reshaped(before, (int(np.prod(shape)),))
    return reshaped(scattered(flat, index, update, add=True), shape)


def note_cast(dtype: Any) -> None:
    """Note that the code asks for another dtype than float64; the conversion is not made."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f" and dtype != np.float64:
        from lstm_ref.graph.places import users_line

        session().casts.setdefault(f"{dtype.name} at {users_line()}")
    elif dtype.kind == "c":
        session().refuse("a complex number")


# ----------------------------------------------------------------------------------------------------------- products


def product(f: Callable[..., Any], a: Any, b: Any) -> Any:
    """np.matmul or np.dot, as one dot_general."""
    x, y = _float64(value_of(a)), _float64(value_of(b))
    value = f(x, y)
    n, m = np.ndim(x), np.ndim(y)
    if n == 0 or m == 0:
        return elementwise(np.multiply, a, b)

    def build(p: Any, q: Any) -> Any:
        if f is np.dot or (n <= 2 and m <= 2):
            return lax.dot_general(p, q, (((n - 1,), (max(m - 2, 0),)), ((), ())))
        batch = np.broadcast_shapes(np.shape(x)[:-2], np.shape(y)[:-2])
        if n > 1 and m > 1:
            p, q = broadcast(p, batch + np.shape(p)[-2:]), broadcast(q, batch + np.shape(q)[-2:])
            axes = tuple(range(len(batch)))
            return lax.dot_general(p, q, (((p.ndim - 1,), (q.ndim - 2,)), (axes, axes)))
        return lax.dot_general(p, q, (((n - 1,), (max(m - 2, 0),)), ((), ())))

    return made(value, build, a, b)
