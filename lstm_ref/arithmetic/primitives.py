"""Rules for the JAX primitives that compute: from the name of a primitive to its meaning on arrays of real balls.

Where JAX's value is a limit that ball arithmetic does not take by itself (log 0 = −inf, inf², erf(inf) …) the rule
takes it, because masks are made of infinities. Where balls cannot decide, a rule raises `UndecidedComparison`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from math import inf, prod
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
from flint import acb, arb, arb_mat

from lstm_ref.arithmetic import balls, movement, windows
from lstm_ref.arithmetic.balls import (
    FLOAT_BITS,
    SMALL_PRODUCT,
    Ball,
    Balls,
    as_balls,
    at_most,
    equal,
    is_nan,
    less,
    show,
)
from lstm_ref.arithmetic.movement import NAN, Rule, Step, boxed, dtype_of, is_float, unknown
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UndecidedComparison

ZERO, HALF, ONE, INF = arb(0), arb(0.5), arb(1), arb("inf")

to_real = np.frompyfunc(lambda v: v.real, 1, 1)
to_complex = np.frompyfunc(acb, 1, 1)


def reals(x: Any) -> np.ndarray:
    """Floats, integers, bools or `Balls` as an object array of real balls, exactly."""
    return boxed(to_real(np.asarray(as_balls(x))))


def is_key(x: Any) -> bool:
    """Whether it is an array of random keys, which only JAX can handle."""
    return bool(jnp.issubdtype(dtype_of(x), jax.dtypes.extended))


# ------------------------------------------------------------------------------------- functions of one number


def _at(points: dict[float, float], f: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """`f`, and its limits at points where ball arithmetic knows no value."""
    limits = [(arb(x), arb(y)) for x, y in points.items()]

    def with_limits(v: arb) -> arb:
        y = f(v)
        if not y.is_finite() and v.is_exact():
            return next((limit for x, limit in limits if v == x), y)
        return y

    return with_limits


def integer_power(v: arb, n: int) -> arb:
    """vⁿ; ball arithmetic has inf·inf, but no inf²."""
    if v.is_finite():
        return v**n
    power = prod([v] * abs(n), start=ONE)
    return 1 / power if n < 0 else power


def _log_gamma(v: arb) -> arb:
    return v.lgamma() if v > 0 else abs(v.gamma()).log()


def _cube_root(v: arb) -> arb:
    return v.root(3) if v >= 0 else -(-v).root(3)


def _polygamma(order: arb, v: arb) -> arb:
    return acb(v).polygamma(acb(order)).real


def _floor(v: arb) -> arb:
    """⌊v⌋ if all numbers in the ball agree on it."""
    if not v.is_finite() and v.is_exact():
        return v
    whole = v.floor()
    if whole.unique_fmpz() is None:
        raise UndecidedComparison(f"is {show(v)} below or above a whole number? The ball contains it")
    return whole


def _ceil(v: arb) -> arb:
    return -_floor(-v)


def _truncate(v: arb) -> arb:
    """Towards zero, as a conversion to integers does."""
    size = _floor(abs(v))
    return size if size.is_zero() or v > 0 else -size


def _round(v: arb, to_even: bool) -> arb:
    up = _floor(v + HALF)
    if v.is_finite() and equal(up - v, HALF):
        odd = _whole(up) % 2 == 1
        return up - 1 if (odd if to_even else v < 0) else up
    return up


def _is_finite(v: arb) -> bool:
    if not v.is_finite() and not v.rad().is_finite():
        raise UndecidedComparison(f"is {show(v)} finite? Nothing is known of it")
    return bool(v.is_finite())


UNARY: dict[str, Callable[[arb], arb]] = {
    "neg": lambda v: -v,
    "abs": abs,
    "sign": lambda v: balls.sign(v).real,
    "square": lambda v: integer_power(v, 2),
    "one_minus_square": lambda v: 1 - integer_power(v, 2),
    "sqrt": arb.sqrt,
    "rsqrt": _at({0: inf}, arb.rsqrt),
    "cbrt": _cube_root,
    "exp": arb.exp,
    "exp2": lambda v: arb(2) ** v,
    "expm1": arb.expm1,
    "log": _at({0: -inf}, arb.log),
    "log2": _at({0: -inf}, lambda v: v.log() / arb.const_log2()),
    "log1p": _at({-1: -inf}, arb.log1p),
    "sin": arb.sin,
    "cos": arb.cos,
    "tan": arb.tan,
    "asin": arb.asin,
    "acos": arb.acos,
    "atan": arb.atan,
    "sinh": arb.sinh,
    "cosh": arb.cosh,
    "tanh": arb.tanh,
    "asinh": arb.asinh,
    "acosh": arb.acosh,
    "atanh": _at({1: inf, -1: -inf}, arb.atanh),
    "logistic": lambda v: 1 / (1 + (-v).exp()),
    "erf": _at({inf: 1, -inf: -1}, arb.erf),
    "erfc": _at({inf: 0, -inf: 2}, arb.erfc),
    "erf_inv": _at({1: inf, -1: -inf}, arb.erfinv),
    "lgamma": _at({inf: inf, 0: inf}, _log_gamma),
    "digamma": arb.digamma,
    "floor": _floor,
    "ceil": _ceil,
}


# ------------------------------------------------------------------------------------ functions of more numbers


def larger(a: arb, b: arb) -> arb:
    """max(a, b): the very object where one dominates, so that the gradient of max finds the winner again."""
    return NAN if is_nan(a) or is_nan(b) else balls.larger(a, b).real


def smaller(a: arb, b: arb) -> arb:
    """min(a, b), as `larger`."""
    return NAN if is_nan(a) or is_nan(b) else balls.smaller(a, b).real


def power(a: arb, b: arb) -> arb:
    """a to the b: for any a if b is a whole number, else for a ≥ 0."""
    n = b.unique_fmpz() if b.is_exact() and b.is_finite() else None
    return a**b if n is None else integer_power(a, int(n))


def log_add_exp(a: arb, b: arb) -> arb:
    """ln(eᵃ + eᵇ). No ball overflows, so that the textbook formula will do; −inf is a zero summand."""
    return UNARY["log"](a.exp() + b.exp())


BINARY: dict[str, Callable[[arb, arb], arb]] = {
    "max": larger,
    "min": smaller,
    "pow": power,
    "rem": lambda a, b: a - b * _truncate(a / b),
    "atan2": lambda y, x: arb.atan2(y, x),
    "polygamma": _polygamma,
    "zeta": lambda s, a: acb(s).zeta(acb(a)).real,
}


def _in_total_order(compare: Callable[[Ball, Ball], bool]) -> Callable[[arb, arb], bool]:
    """The order that binary search uses: that of the numbers, but NaN has a place in it, which depends on its bits."""

    def compare_numbers(a: arb, b: arb) -> bool:
        if is_nan(a) or is_nan(b):
            raise UndecidedComparison("where does a NaN come among the numbers?")
        return compare(a, b)

    return compare_numbers


COMPARISONS: dict[str, Callable[[arb, arb], bool]] = {
    "eq": equal,
    "ne": lambda a, b: not equal(a, b),
    "lt": less,
    "gt": lambda a, b: less(b, a),
    "le": at_most,
    "ge": lambda a, b: at_most(b, a),
    "lt_to": _in_total_order(less),
    "le_to": _in_total_order(at_most),
}


def _elementwise(f: Callable[..., Any], arity: int) -> Rule:
    on_arrays = np.frompyfunc(f, arity, 1)
    return lambda eqn: lambda *xs: boxed(on_arrays(*xs))


def _numpy(f: Callable[..., Any]) -> Rule:
    """Python's own operators already do it on object arrays, in C."""
    return lambda eqn: lambda *xs: boxed(f(*xs))


def _predicate(f: Callable[..., bool], arity: int) -> Rule:
    on_arrays = np.frompyfunc(f, arity, 1)
    return lambda eqn: lambda *xs: np.asarray(on_arrays(*xs)).astype(bool)


def _pow(eqn: Any) -> Step:
    on_arrays = np.frompyfunc(power, 2, 1)
    return lambda a, b: boxed(on_arrays(a, b if b.dtype == object else reals(b)))  # the exponent may be integers


def _polynomial(eqn: Any) -> Step:
    """c₀ + c₁x + c₂x² …, by Horner."""

    def step(x: Any, *coefficients: Any) -> Any:
        value = coefficients[-1]
        for c in reversed(coefficients[:-1]):
            value = value * x + c
        return boxed(value)

    return step


def _integer_pow(eqn: Any) -> Step:
    return _elementwise(lambda v, n=eqn.params["y"]: integer_power(v, n), 1)(eqn)


def _rounding(eqn: Any) -> Step:
    to_even = int(eqn.params["rounding_method"]) == 1
    return _elementwise(lambda v: _round(v, to_even), 1)(eqn)


def _convert(eqn: Any) -> Step:
    """To another dtype. Among floats nothing happens: a ball is not rounded to what a dtype can hold."""
    (source,), (target,) = eqn.invars, eqn.outvars
    if is_float(target.aval):
        return (lambda x, *_: x) if is_float(source.aval) else (lambda x, *_: reals(x))
    if target.aval.dtype == bool:
        to_bool: Any = np.frompyfunc(lambda v: not equal(v, ZERO), 1, 1)
        return lambda x, *_: np.asarray(to_bool(x)).astype(bool)
    to_integer = np.frompyfunc(_whole, 1, 1)
    return lambda x, *_: np.asarray(to_integer(x)).astype(target.aval.dtype)


def _reduce_precision(eqn: Any) -> Step:
    """To the dtype's own precision: jax.checkpoint puts it there so that XLA does not keep more digits. We may."""
    own = jnp.finfo(eqn.invars[0].aval.dtype)
    if eqn.params["exponent_bits"] >= own.nexp and eqn.params["mantissa_bits"] >= own.nmant:
        return lambda x: x
    return unknown("rounding to fewer digits has no meaning in ball arithmetic")


def _whole(v: arb) -> int:
    n = _truncate(v).unique_fmpz() if v.is_finite() else None
    if n is None:
        raise UndecidedComparison(f"which integer is {show(v)}?")
    return int(n)


def _iota(eqn: Any) -> Step:
    aval, axis = eqn.outvars[0].aval, eqn.params["dimension"]
    numbers = np.arange(aval.shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(aval.shape))])
    numbers = np.broadcast_to(numbers, aval.shape)
    out = reals(numbers) if is_float(aval) else numbers.astype(aval.dtype)
    return lambda *_: out


# ---------------------------------------------------------------------------------------------------- products


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two matrices of real balls."""
    (m, k), n = a.shape, b.shape[1]
    if k == 0:
        return np.full((m, n), ZERO, dtype=object)
    if m * k * n < SMALL_PRODUCT or flint.ctx.prec <= FLOAT_BITS:
        return np.matmul(a, b)
    out = np.empty(m * n, dtype=object)
    out[:] = (arb_mat(m, k, a.ravel().tolist()) * arb_mat(k, n, b.ravel().tolist())).entries()
    return out.reshape(m, n)


def _dot_general(eqn: Any) -> Step:
    (sum_a, sum_b), (batch_a, batch_b) = eqn.params["dimension_numbers"]
    a_shape, b_shape = (v.aval.shape for v in eqn.invars)
    free_a = [i for i in range(len(a_shape)) if i not in (*sum_a, *batch_a)]
    free_b = [i for i in range(len(b_shape)) if i not in (*sum_b, *batch_b)]
    order_a, order_b = (*batch_a, *free_a, *sum_a), (*batch_b, *sum_b, *free_b)
    batches, k = prod(a_shape[i] for i in batch_a), prod(a_shape[i] for i in sum_a)
    m, n = prod(a_shape[i] for i in free_a), prod(b_shape[i] for i in free_b)
    shape = eqn.outvars[0].aval.shape

    def step(a: Any, b: Any) -> Any:
        a = a.transpose(order_a).reshape(batches, m, k)
        b = b.transpose(order_b).reshape(batches, k, n)
        out = np.empty((batches, m, n), dtype=object)
        for i in range(batches):
            out[i] = product(a[i], b[i])
        return out.reshape(shape)

    return step


# -------------------------------------------------------------------------------------------------- reductions


def _free_order(f: Callable[[arb, arb], arb]) -> np.ufunc:
    return np.frompyfunc(f, 2, 1, identity=None)  # None tells NumPy that the order of a reduction is free


MAXIMUM, MINIMUM, LOG_ADD_EXP = map(_free_order, (larger, smaller, log_add_exp))


def _reduce(f: np.ufunc, of_nothing: arb) -> Rule:
    def rule(eqn: Any) -> Step:
        axes, shape = tuple(eqn.params["axes"]), eqn.outvars[0].aval.shape
        if prod(eqn.invars[0].aval.shape) == 0:
            return lambda x: np.full(shape, of_nothing, dtype=object)
        return lambda x: boxed(f.reduce(x, axis=axes))

    return rule


def _cumulative(f: np.ufunc) -> Rule:
    def rule(eqn: Any) -> Step:
        axis = eqn.params["axis"]
        if eqn.params["reverse"]:
            return lambda x: np.flip(f.accumulate(np.flip(x, axis), axis), axis)
        return lambda x: f.accumulate(x, axis)

    return rule


def _arg_best(name: str) -> Rule:
    def rule(eqn: Any) -> Step:
        (axis,), dtype = eqn.params["axes"], eqn.outvars[0].aval.dtype

        def step(x: Any) -> Any:
            for v in x.ravel():
                if v.is_nan():
                    raise UndecidedComparison(f"{name} of a NaN")
            return np.asarray(getattr(x.view(Balls), name)(axis)).astype(dtype)

        return step

    return rule


# ----------------------------------------------------------------------------------------------------- sorting


def _compare(a: Any, b: Any) -> int:
    """-1, 0 or 1 for two tuples of keys, in the order of the dictionary."""
    for x, y in zip(a, b, strict=True):
        smaller_than = less if isinstance(x, arb) else lambda p, q: p < q
        if smaller_than(x, y):
            return -1
        if smaller_than(y, x):
            return 1
    return 0


def _order(keys: list[Any]) -> list[int]:
    """The permutation that sorts (stably) by several rows of keys."""
    rows = list(zip(*keys, strict=True))

    def compare(i: int, j: int) -> int:
        return _compare(rows[i], rows[j])

    return sorted(range(len(rows)), key=cmp_to_key(compare))


def _sort(eqn: Any) -> Step:
    axis, n_keys = eqn.params["dimension"], eqn.params["num_keys"]

    def step(*operands: Any) -> list[Any]:
        outs = [np.moveaxis(x, axis, -1).copy() for x in operands]
        for where in np.ndindex(outs[0].shape[:-1]):
            order = _order([x[where] for x in outs[:n_keys]])
            for x in outs:
                x[where] = x[where][order]
        return [np.moveaxis(x, -1, axis) for x in outs]

    return step


def _top_k(eqn: Any) -> Step:
    k, axis, dtype = eqn.params["k"], eqn.params.get("axis", -1), eqn.outvars[1].aval.dtype

    def step(x: Any) -> list[Any]:
        rows = np.moveaxis(x, axis, -1)
        order = np.empty((*rows.shape[:-1], k), dtype=int)
        for where in np.ndindex(rows.shape[:-1]):
            order[where] = _order([[-v for v in rows[where]]])[:k]
        values = np.take_along_axis(rows, order, -1)
        return [np.moveaxis(values, -1, axis), np.moveaxis(order.astype(dtype), -1, axis)]

    return step


# ---------------------------------------------------------------------------------------------------- integers


def native(eqn: Any) -> Step:
    """What has no float operand is exact already: JAX computes it."""
    floats, params = [is_float(v.aval) for v in eqn.outvars], eqn.params

    def take(x: Any, to_balls: bool) -> Any:
        return reals(np.asarray(x)) if to_balls else x if is_key(x) else np.asarray(x)

    def step(*operands: Any) -> Any:
        with x64():
            out = eqn.primitive.bind(*operands, **params)
        if eqn.primitive.multiple_results:
            return [take(x, f) for x, f in zip(out, floats, strict=True)]
        return take(out, floats[0])

    return step


def _integers(f: Callable[..., Any]) -> Rule:
    """The same from NumPy, which starts a hundred times faster than JAX; counters of loops live on it."""

    def rule(eqn: Any) -> Step:
        dtype = eqn.outvars[0].aval.dtype

        def step(*xs: Any) -> Any:
            with np.errstate(over="ignore"):  # integers wrap, in JAX without a word
                return np.asarray(f(*xs)).astype(dtype, copy=False)

        return step

    return rule


MADE_FROM_INTEGERS = {"bitcast_convert_type", "empty"}
"""Primitives whose float result is exact if no operand is a float."""

APPROXIMATED: dict[str | None, Rule] = {"exp_neg_sq": _elementwise(lambda v: (-integer_power(v, 2)).exp(), 1)}
"""Functions inside JAX that are no primitives and reach float64's digits, not all: here they mean what they are named
for. (In the derivative of erf, jax >= 0.12.)"""

EXACT: dict[str, Rule] = {
    **movement.ANY_DTYPE,
    **{name: _integers(getattr(np, numpy)) for name, numpy in {
        "add": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "max": "maximum", "min": "minimum",
        "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "not": "invert",
        "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }.items()},
    "iota": _iota,
    "convert_element_type": lambda eqn: lambda x, *_: x.astype(eqn.outvars[0].aval.dtype),
}  # fmt: skip
"""Rules for equations without a float; any other such equation is `native`."""

RULES: dict[str, Rule] = {
    **movement.RULES,
    **windows.RULES,
    **{name: _elementwise(f, 1) for name, f in UNARY.items()},
    **{name: _elementwise(f, 2) for name, f in BINARY.items()},
    **{name: _predicate(f, 2) for name, f in COMPARISONS.items()},
    "is_finite": _predicate(_is_finite, 1),
    "neg": _numpy(np.negative),
    "abs": _numpy(np.absolute),
    "add": _numpy(np.add),
    "add_any": _numpy(np.add),
    "sub": _numpy(np.subtract),
    "mul": _numpy(np.multiply),
    "div": _numpy(np.divide),
    "clamp": _elementwise(lambda low, v, high: smaller(larger(v, low), high), 3),
    "pow": _pow,
    "integer_pow": _integer_pow,
    "polynomial": _polynomial,
    "round": _rounding,
    "convert_element_type": _convert,
    "reduce_precision": _reduce_precision,
    "iota": _iota,
    "dot_general": _dot_general,
    "conv_general_dilated": windows.convolution(product),
    "reduce_sum": _reduce(np.add, ZERO),
    "reduce_prod": _reduce(np.multiply, ONE),
    "reduce_max": _reduce(MAXIMUM, -INF),
    "reduce_min": _reduce(MINIMUM, INF),
    "reduce_window_sum": windows.pool(np.add, ZERO),
    "reduce_window_max": windows.pool(MAXIMUM, -INF),
    "reduce_window_min": windows.pool(MINIMUM, INF),
    "argmax": _arg_best("argmax"),
    "argmin": _arg_best("argmin"),
    "cumsum": _cumulative(np.add),
    "cumprod": _cumulative(np.multiply),
    "cummax": _cumulative(MAXIMUM),
    "cummin": _cumulative(MINIMUM),
    "cumlogsumexp": _cumulative(LOG_ADD_EXP),
    "sort": _sort,
    "top_k": _top_k,
    **{f"scatter{dash}{name}": movement.scatter(f) for dash in "-_" for name, f in {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "min": smaller, "max": larger,
    }.items()},
}  # fmt: skip
