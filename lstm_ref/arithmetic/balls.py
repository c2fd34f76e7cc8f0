"""Ball arithmetic on NumPy arrays: numbers that carry a rigorous error bound, at any number of digits.

A `Balls` array is a NumPy object array of python-flint balls. `+ * @ np.tanh …` do on it what they do on floats, so
equations written for NumPy run on it unchanged. (Arb: Johansson, "Arb: efficient arbitrary-precision midpoint-radius
interval arithmetic", IEEE Trans. Computers 66, 2017.)

Two conventions that bite. The elements are *complex* balls with imaginary part zero (`flint.acb`). Unlike real balls
they refuse `float(x)`, so storing one in a `np.zeros` accumulator raises an error instead of silently dropping digits.
And a comparison that the balls cannot decide raises `UndecidedComparison`; it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import flint
import numpy as np
from flint import acb, arb

from lstm_ref.arithmetic import constants
from lstm_ref.errors import UndecidedComparison, UnknownPrimitive

Ball: TypeAlias = acb | arb
"""One ball: complex as an element of a `Balls` array; real inside evaluations where no float accumulator can
interfere."""

# Below this many multiply-adds, NumPy's loop over objects is faster than converting to `flint.acb_mat` and back
# (measured at 130 digits).
SMALL_PRODUCT = 256


# At float precision, every product and sum must round as often as a float computation would, so that the radius
# bounds the float's error.
FLOAT_BITS = 53


def precision(digits: int) -> AbstractContextManager[Any]:
    """Context in which balls are computed with `digits` decimal digits.

    Args:
        digits: Number of decimal digits.

    Returns:
        A context manager. The precision is restored when the block ends.

    Example:
        >>> import numpy as np
        >>> with precision(30):
        ...     third = as_balls(np.array(1.0)) / 3
        >>> bool(radii(third) < 1e-29)
        True
    """
    return flint.ctx.workdps(digits)


def bits_of_precision(bits: int) -> AbstractContextManager[Any]:
    """Context in which balls are computed with `bits` bits. At 53 bits, a ball's radius bounds the rounding error of
    float64."""
    return flint.ctx.workprec(bits)


def ball(value: Any) -> acb:
    """One number as an exact ball. A float stands for its exact binary value."""
    if isinstance(value, acb):
        return value
    if isinstance(value, arb):
        return acb(value)
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return acb(int(value))
    if isinstance(value, np.ndarray) and value.ndim == 0:  # an element of np.array([x.mean(), y.mean()])
        return ball(value.item())
    if isinstance(value, (complex, np.complexfloating)):
        raise UnknownPrimitive(f"ball arithmetic is over the reals, got a complex number: {value}")
    return acb(float(value))


_to_ball = np.frompyfunc(ball, 1, 1)


def as_balls(array: Any) -> Balls:
    """The array as balls.

    Args:
        array: Floats, integers or bools of any shape, or an array of balls.

    Returns:
        A `Balls` array of the same shape. Numbers are converted exactly; balls are returned unchanged.
    """
    if isinstance(array, Balls):
        return array
    return objects(_to_ball(np.asarray(array)))


def objects(array: Any) -> Balls:
    """Wrap NumPy's result as a `Balls` array. NumPy returns a bare object where the result is zero-dimensional."""
    if isinstance(array, np.ndarray):
        return array.view(Balls)
    wrapped = np.empty((), dtype=object)
    wrapped[()] = array
    return wrapped.view(Balls)


def unwrapped(x: Any) -> Any:
    """The operand in the form that NumPy's object functions take: a plain array of balls, or one ball.

    A float operand beside balls is a constant of the user's code (see `arithmetic.constants`).
    """
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            return x.view(np.ndarray) if isinstance(x, Balls) else _bare(x)
        return from_code(x)
    return from_code(x) if isinstance(x, (acb, arb, int, float)) else from_code(np.asarray(x))


_bare = np.frompyfunc(lambda v: v.item() if isinstance(v, np.ndarray) else v, 1, 1)
"""Converts an array that the code built from numbers. Some elements may be zero-dimensional arrays, such as
`x.mean()`."""


def from_code(x: Any) -> Any:
    """A number or an array from the user's code, as balls. A float constant may be moved by its rounding."""
    found = constants.current()
    if found is None or isinstance(x, (acb, arb)):
        return _to_ball(x)
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.frompyfunc(from_code, 1, 1)(x)
    if np.asarray(x).dtype.kind != "f":
        return _to_ball(x)
    bits, largest = constants.bits_of(x), float(np.max(np.abs(x), initial=0.0))
    return np.frompyfunc(lambda v: acb(found.taken(float(v), bits, largest)), 1, 1)(x)


def is_balls(x: Any) -> bool:
    """Whether `x` holds balls: a `Balls` array, any object array, or a single ball."""
    return isinstance(x, (acb, arb)) or (isinstance(x, np.ndarray) and x.dtype == object)


def midpoints(x: Any) -> np.ndarray:
    """The balls' midpoints, rounded to float64, in the array's shape."""
    return _map_to_float(as_balls(x), lambda v: float(v.real.mid()))


def radii(x: Any) -> np.ndarray:
    """The balls' radii, rounded to float64: rigorous bounds of the distance between midpoint and true value."""
    return _map_to_float(as_balls(x), lambda v: float(v.real.rad()))


def magnitudes(x: Any) -> np.ndarray:
    """Upper bounds of the absolute values, as float64."""
    return _map_to_float(as_balls(x), lambda v: float(v.real.abs_upper()))


def _map_to_float(x: Balls, f: Callable[[acb], float]) -> np.ndarray:
    return np.array([f(v) for v in x.ravel().tolist()], dtype=np.float64).reshape(x.shape)


# ------------------------------------------------------------------------------------------------- comparisons


_ties = 0


def note_tie(x: arb, y: arb) -> None:
    """Records that two numbers which were compared are equal: the function may have a kink exactly here."""
    if y >= x and x >= y:
        count_tie()


def count_tie() -> None:
    """Records that two equal numbers were compared."""
    global _ties
    _ties += 1


def ties() -> int:
    """How many comparisons have met equal numbers so far. A function that increases this count is evaluated at a
    kink."""
    return _ties


def is_nan(a: Ball) -> bool:
    """Whether it is IEEE's NaN (inf - inf, 0 * inf). A NaN of infinite radius is instead a number about which nothing
    is known."""
    x = a.real
    return bool(x.is_nan() and x.rad().is_finite())


def less(a: Ball, b: Ball) -> bool:
    """Whether a < b; False for a NaN, as in IEEE. Raises `UndecidedComparison` where the balls overlap."""
    if a is b:
        return False
    x, y = a.real, b.real
    if x < y:
        return True
    if x >= y or is_nan(a) or is_nan(b):
        note_tie(x, y)
        return False
    raise UndecidedComparison(f"is {show(x)} < {show(y)}? The balls overlap")


def at_most(a: Ball, b: Ball) -> bool:
    """Whether a <= b; otherwise as `less`."""
    return not (is_nan(a) or is_nan(b)) and not less(b, a)


def equal(a: Ball, b: Ball) -> bool:
    """Whether a == b. Raises `UndecidedComparison` where the balls overlap.

    An object equals itself, however wide its ball, unless it is NaN.
    """
    if is_nan(a) or is_nan(b):
        return False
    if a is b:
        return True
    x, y = a.real, b.real
    if not x.overlaps(y):
        return False
    if x.is_exact() and y.is_exact():
        note_tie(x, y)
        return bool(x == y)
    raise UndecidedComparison(f"is {show(x)} == {show(y)}? The balls overlap")


def larger(a: Ball, b: Ball) -> Ball:
    """max(a, b): the same object a or b where one dominates, else a ball that encloses the maximum (max is
    continuous)."""
    x, y = a.real, b.real
    if x >= y:
        note_tie(x, y)
        return a
    if y >= x:
        return b
    return acb(x.max(y))


def smaller(a: Ball, b: Ball) -> Ball:
    """min(a, b), as `larger`."""
    x, y = a.real, b.real
    if x <= y:
        note_tie(x, y)
        return a
    if y <= x:
        return b
    return acb(x.min(y))


def show(x: arb) -> str:
    """A short text for a ball."""
    return str(x.str(8))


def absolute(a: acb) -> acb:
    """`|a|`. It is continuous, hence defined for a ball around zero too."""
    note_tie(a.real, arb(0))
    return acb(abs(a.real))


def sign(a: Ball) -> Ball:
    """-1, 0 or 1. Raises `UndecidedComparison` where the ball does not decide the sign."""
    if equal(a, _ZERO):
        return _ZERO
    return _ONE if less(_ZERO, a) else -_ONE


_ZERO, _ONE = acb(0), acb(1)


# ---------------------------------------------------------------------------------- NumPy's functions, on balls


def _elementwise(f: Callable[..., Any], arity: int = 1) -> Callable[..., Any]:
    if arity == 1:
        return np.frompyfunc(f, 1, 1)
    return np.frompyfunc(f, arity, 1, identity=None)  # identity=None tells NumPy that a reduction may go in any order


def _bools(f: Callable[..., bool], arity: int = 2) -> Callable[..., np.ndarray]:
    decide = np.frompyfunc(f, arity, 1)
    return lambda *operands: np.asarray(decide(*operands)).astype(bool)


_UNARY: dict[str, Callable[[acb], Ball]] = {
    "positive": lambda v: v,
    "negative": lambda v: -v,
    "absolute": absolute,
    "fabs": absolute,
    "sign": sign,
    "square": lambda v: v * v,
    "reciprocal": lambda v: 1 / v,
    "sqrt": lambda v: v.sqrt(),
    "exp": lambda v: v.exp(),
    "exp2": lambda v: (v * arb.const_log2()).exp(),
    "expm1": lambda v: acb(v.real.expm1()),
    "log": lambda v: acb(v.real.log()),
    "log1p": lambda v: acb(v.real.log1p()),
    "log2": lambda v: acb(v.real.log() / arb.const_log2()),
    "log10": lambda v: acb(v.real.log() / arb.const_log10()),
    "sin": lambda v: v.sin(),
    "cos": lambda v: v.cos(),
    "tan": lambda v: v.tan(),
    "sinh": lambda v: v.sinh(),
    "cosh": lambda v: v.cosh(),
    "tanh": lambda v: v.tanh(),
    "arcsin": lambda v: acb(v.real.asin()),
    "arccos": lambda v: acb(v.real.acos()),
    "arctan": lambda v: acb(v.real.atan()),
    "arcsinh": lambda v: acb(v.real.asinh()),
    "arccosh": lambda v: acb(v.real.acosh()),
    "arctanh": lambda v: acb(v.real.atanh()),
    "conjugate": lambda v: v,
}


def power(a: acb, b: acb) -> acb:
    """a ** b for an integer b, or for a positive a."""
    exponent = b.real.unique_fmpz() if b.real.is_exact() else None
    return a ** int(exponent) if exponent is not None else acb(a.real**b.real)


def _logaddexp(a: acb, b: acb) -> acb:
    low, high = smaller(a, b), larger(a, b)
    return high + acb((low - high).real.exp().log1p())


_BINARY: dict[str, Callable[[acb, acb], Ball]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": power,
    "float_power": power,
    "maximum": larger,
    "minimum": smaller,
    "fmax": larger,
    "fmin": smaller,
    "logaddexp": _logaddexp,
    "heaviside": lambda a, b: b if equal(a, _ZERO) else (_ONE if less(_ZERO, a) else _ZERO),
}

_COMPARISONS: dict[str, Callable[[acb, acb], bool]] = {
    "less": less,
    "greater": lambda a, b: less(b, a),
    "less_equal": at_most,
    "greater_equal": lambda a, b: at_most(b, a),
    "equal": equal,
    "not_equal": lambda a, b: not equal(a, b),
}

_PREDICATES: dict[str, Callable[[acb], bool]] = {
    "isnan": lambda v: v.real.is_nan(),
    "isfinite": lambda v: v.real.is_finite(),
    "isinf": lambda v: not v.real.is_finite() and not v.real.is_nan(),
    "signbit": lambda v: less(v, _ZERO),
}

# Python's own operators already do these on object arrays, in C, so no wrapper is needed.
_NATIVE = {"add", "subtract", "multiply", "divide", "negative", "positive"}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _elementwise(f) for name, f in _UNARY.items() if name not in _NATIVE},
    **{name: _elementwise(f, 2) for name, f in _BINARY.items() if name not in _NATIVE},
    **{name: getattr(np, name) for name in _NATIVE},
    "clip": _elementwise(lambda v, low, high: smaller(larger(v, low), high), 3),
    **{name: _bools(f) for name, f in _COMPARISONS.items()},
    **{name: _bools(f, 1) for name, f in _PREDICATES.items()},
}


def matmul(a: Any, b: Any) -> np.ndarray:
    """Matrix product with NumPy's rules for one-dimensional and stacked operands."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 2 and b.ndim == 2 and a.shape[1] == b.shape[0]:
        (m, k), n = a.shape, b.shape[1]
        if m * k * n >= SMALL_PRODUCT and flint.ctx.prec > FLOAT_BITS:
            product = flint.acb_mat(m, k, a.ravel().tolist()) * flint.acb_mat(k, n, b.ravel().tolist())
            out = np.empty(m * n, dtype=object)
            out[:] = product.entries()
            return out.reshape(m, n)
        if k == 0:  # NumPy would fill the empty sum with None
            return _to_ball(np.zeros((m, n)))
    return np.matmul(a, b)


class Balls(np.ndarray):
    """A NumPy object array of balls, whose ufuncs are ball functions. Shapes and indexing are NumPy's own."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        plain = [unwrapped(x) for x in inputs]
        if out is not None:
            return self._into(out, getattr(ufunc, method)(*inputs, **kwargs))
        if ufunc is np.matmul and method == "__call__":
            return objects(matmul(*plain))
        function = FUNCTIONS.get(ufunc.__name__)
        if function is None or not _understood(method, kwargs):
            raise UnknownPrimitive(f"numpy.{ufunc.__name__} ({method}) is not known in ball arithmetic")
        if method == "__call__":
            result = function(*plain)
        else:
            if not isinstance(function, np.ufunc):
                raise UnknownPrimitive(f"numpy.{ufunc.__name__}.{method} is not known in ball arithmetic")
            empty = method == "reduce" and plain[0].size == 0 and ufunc in (np.add, np.multiply)
            if empty:
                kwargs.setdefault("initial", 0 if ufunc is np.add else 1)
            result = getattr(function, method)(*plain, **kwargs)
            if empty or "initial" in kwargs:
                result = _to_ball(result)
        return result if isinstance(result, np.ndarray) and result.dtype == bool else objects(result)

    def _into(self, out: tuple[Any, ...], result: Any) -> Any:
        (target,) = out
        if target.dtype != object:
            raise UnknownPrimitive(f"balls cannot be stored in an array of {target.dtype}")
        np.ndarray.__setitem__(target, ..., np.asarray(result))
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if constants.current() is not None:
            args = _operands(args)
        return _rewrap(super().__array_function__(func, types, args, kwargs))

    def __getitem__(self, key: Any) -> Any:
        """An element is a bare ball. While constants are being moved it stays an array, which sees what it is
        multiplied by."""
        found = super().__getitem__(key)
        return objects(found) if isinstance(found, acb) and constants.current() is not None else found

    def __iter__(self) -> Iterator[Any]:
        """Iterates along the first axis, with elements as `__getitem__` returns them."""
        if constants.current() is None:
            return super().__iter__()
        return (self[k] for k in range(len(self)))

    def __setitem__(self, key: Any, value: Any) -> None:
        if constants.current() is not None and not is_balls(value):
            value = from_code(np.asarray(value))
        super().__setitem__(key, np.asarray(as_balls(value)) if np.ndim(value) else ball(_scalar(value)))

    def dot(self, other: Any, out: Any = None) -> Any:
        """As `np.dot`. Constants in `other` are recognised."""
        return np.dot(self, other) if out is None else np.dot(self, other, out)

    def argmax(self, axis: int | None = None, out: Any = None, **_: Any) -> Any:  # type: ignore[override]
        """Index of the largest element, the first of equal ones, as in NumPy. Raises `UndecidedComparison` where it is
        open."""
        return _argbest(self, axis, lambda new, best: less(best, new))

    def argmin(self, axis: int | None = None, out: Any = None, **_: Any) -> Any:  # type: ignore[override]
        """Index of the smallest element, as `argmax`."""
        return _argbest(self, axis, less)

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """Not known: raises UnknownPrimitive."""
        raise UnknownPrimitive("numpy.sort is not known in ball arithmetic")

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        """Not known: raises UnknownPrimitive."""
        raise UnknownPrimitive("numpy.argsort is not known in ball arithmetic")


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.ndarray) else value


def _understood(method: str, kwargs: dict[str, Any]) -> bool:
    if not kwargs and method == "__call__":
        return True
    if method != "__call__":
        return method in ("reduce", "accumulate")
    about_storage = {"casting", "order", "subok"}
    return all(k in about_storage or (k == "dtype" and v in (None, object)) for k, v in kwargs.items())


def _argbest(x: Balls, axis: int | None, better: Callable[[acb, acb], bool]) -> Any:
    def first(row: np.ndarray) -> int:
        best = 0
        for k in range(1, len(row)):
            if better(row[k], row[best]):
                best = k
        return best

    values = np.asarray(x)
    if axis is None:
        return first(values.ravel())
    rows = np.moveaxis(values, axis, -1)
    return np.array([first(r) for r in rows.reshape(-1, rows.shape[-1])], dtype=int).reshape(rows.shape[:-1])


def _operands(given: Any) -> Any:
    """An argument of a NumPy function. A float array or list from the user's code becomes an array of constants."""
    if isinstance(given, (list, tuple)):
        if given and all(isinstance(v, float) for v in given):
            return objects(from_code(np.array(given)))
        return type(given)(map(_operands, given)) if type(given) in (list, tuple) else given
    is_floats = isinstance(given, np.ndarray) and given.dtype.kind == "f"
    return objects(from_code(given)) if is_floats else given


def _rewrap(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        return type(result)(_rewrap(r) for r in result)
    if isinstance(result, np.ndarray) and result.dtype == object:
        plain = np.asarray(result)
        return objects(plain if _FILLED.issuperset(map(type, plain.ravel().tolist())) else _fill(plain))
    return result


# `np.empty_like` leaves None in elements that are not yet assigned.
_FILLED = {acb, type(None)}
_fill = np.frompyfunc(lambda v: v if v is None else ball(from_code(v)), 1, 1)
