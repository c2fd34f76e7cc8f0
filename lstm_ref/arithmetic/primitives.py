"""Rules for the JAX primitives that compute: from a primitive's name to its meaning on arrays of real balls.

`scalars` says what they mean for a single number. Primitives that only move elements are in `movement`, those that
slide a window in `windows`. A rule looks at an equation once, and returns a step that can run many times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from math import prod
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
from flint import acb, arb, arb_mat

from lstm_ref.arithmetic import movement, scalars, windows
from lstm_ref.arithmetic.balls import FLOAT_BITS, SMALL_PRODUCT, Balls, ball, equal, less
from lstm_ref.arithmetic.movement import Evaluation, StepRule, boxed, dtype_of, is_float, unknown
from lstm_ref.arithmetic.scalars import INF, ONE, ZERO, larger, smaller
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UndecidedComparison

to_real = np.frompyfunc(lambda v: v if isinstance(v, arb) else ball(v).real, 1, 1)
to_complex = np.frompyfunc(acb, 1, 1)


def reals(x: Any) -> np.ndarray:
    """Floats, integers, bools or `Balls` as an object array of real balls, exactly."""
    return boxed(to_real(np.asarray(x)))


def is_key(x: Any) -> bool:
    """Whether it is an array of random keys, which only JAX can handle."""
    return bool(jnp.issubdtype(dtype_of(x), jax.dtypes.extended))


# ------------------------------------------------------------------------------------------------ elementwise


def _elementwise(f: Callable[..., Any], arity: int) -> StepRule:
    on_arrays = np.frompyfunc(f, arity, 1)
    return lambda eqn: lambda *xs: boxed(on_arrays(*xs))


def _numpy(f: Callable[..., Any]) -> StepRule:
    """Elementwise operators. Python's own operators already work on object arrays, in C."""
    return lambda eqn: lambda *xs: boxed(f(*xs))


def _predicate(f: Callable[..., bool], arity: int) -> StepRule:
    on_arrays = np.frompyfunc(f, arity, 1)
    return lambda eqn: lambda *xs: np.asarray(on_arrays(*xs)).astype(bool)


def _pow(eqn: Any) -> Evaluation:
    on_arrays = np.frompyfunc(scalars.power, 2, 1)
    return lambda a, b: boxed(on_arrays(a, b if b.dtype == object else reals(b)))  # the exponent may be an integer


def _polynomial(eqn: Any) -> Evaluation:
    """c₀ + c₁x + c₂x² …, by Horner's scheme."""

    def step(x: Any, *coefficients: Any) -> Any:
        value = coefficients[-1]
        for c in reversed(coefficients[:-1]):
            value = value * x + c
        return boxed(value)

    return step


def _integer_pow(eqn: Any) -> Evaluation:
    return _elementwise(lambda v, n=eqn.params["y"]: scalars.integer_power(v, n), 1)(eqn)


def _rounding(eqn: Any) -> Evaluation:
    to_even = int(eqn.params["rounding_method"]) == 1
    return _elementwise(lambda v: scalars.rounded(v, to_even), 1)(eqn)


def _convert(eqn: Any) -> Evaluation:
    """Conversion to another dtype. Between floats nothing happens: a ball is not rounded to what a dtype can hold."""
    (source,), (target,) = eqn.invars, eqn.outvars
    if is_float(target.aval):
        return (lambda x, *_: x) if is_float(source.aval) else (lambda x, *_: reals(x))
    if target.aval.dtype == bool:
        to_bool: Any = np.frompyfunc(lambda v: not equal(v, ZERO), 1, 1)
        return lambda x, *_: np.asarray(to_bool(x)).astype(bool)
    to_integer = np.frompyfunc(scalars.whole, 1, 1)
    return lambda x, *_: np.asarray(to_integer(x)).astype(target.aval.dtype)


def _reduce_precision(eqn: Any) -> Evaluation:
    """Reduction to the dtype's own precision. jax.checkpoint inserts it so that XLA keeps no extra digits; balls may
    keep them."""
    own = jnp.finfo(eqn.invars[0].aval.dtype)
    if eqn.params["exponent_bits"] >= own.nexp and eqn.params["mantissa_bits"] >= own.nmant:
        return lambda x: x
    return unknown("rounding to fewer digits has no meaning in ball arithmetic")


def _iota(eqn: Any) -> Evaluation:
    aval, axis = eqn.outvars[0].aval, eqn.params["dimension"]
    numbers = np.arange(aval.shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(aval.shape))])
    numbers = np.broadcast_to(numbers, aval.shape)
    out = reals(numbers) if is_float(aval) else numbers.astype(aval.dtype)
    return lambda *_: out


# ---------------------------------------------------------------------------------------------------- products


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two matrices of real balls, or of two stacks of matrices."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    if k == 0:
        return np.full((*a.shape[:-1], n), ZERO, dtype=object)
    if m * k * n < SMALL_PRODUCT or flint.ctx.prec <= FLOAT_BITS:
        return np.matmul(a, b)
    if a.ndim > 2:
        return np.stack([product(x, y) for x, y in zip(a, b, strict=True)]) if len(a) else np.empty((0, m, n), object)
    out = np.empty(m * n, dtype=object)
    out[:] = (arb_mat(m, k, a.ravel().tolist()) * arb_mat(k, n, b.ravel().tolist())).entries()
    return out.reshape(m, n)


def dot_general(eqn: Any, product: Callable[[Any, Any], Any] = product) -> Evaluation:
    """The step of a dot_general, computed with `product`, which multiplies two stacks of matrices."""
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
        return product(a, b).reshape(shape)

    return step


# -------------------------------------------------------------------------------------------------- reductions


def _free_order(f: Callable[[arb, arb], arb]) -> np.ufunc:
    return np.frompyfunc(f, 2, 1, identity=None)  # identity=None tells NumPy that a reduction may go in any order


MAXIMUM, MINIMUM, LOG_ADD_EXP = map(_free_order, (larger, smaller, scalars.log_add_exp))


def _reduce(f: np.ufunc, of_nothing: arb) -> StepRule:
    def rule(eqn: Any) -> Evaluation:
        axes, shape = tuple(eqn.params["axes"]), eqn.outvars[0].aval.shape
        if prod(eqn.invars[0].aval.shape) == 0:
            return lambda x: np.full(shape, of_nothing, dtype=object)
        return lambda x: boxed(f.reduce(x, axis=axes))

    return rule


def _cumulative(f: np.ufunc) -> StepRule:
    def rule(eqn: Any) -> Evaluation:
        axis = eqn.params["axis"]
        if eqn.params["reverse"]:
            return lambda x: np.flip(f.accumulate(np.flip(x, axis), axis), axis)
        return lambda x: f.accumulate(x, axis)

    return rule


def _arg_best(name: str) -> StepRule:
    def rule(eqn: Any) -> Evaluation:
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
    """-1, 0 or 1 for two tuples of keys, in lexicographic order."""
    for x, y in zip(a, b, strict=True):
        smaller_than = less if isinstance(x, arb) else lambda p, q: p < q
        if smaller_than(x, y):
            return -1
        if smaller_than(y, x):
            return 1
    return 0


def _order(keys: list[Any]) -> list[int]:
    """The permutation that stably sorts by several rows of keys."""
    rows = list(zip(*keys, strict=True))

    def compare(i: int, j: int) -> int:
        return _compare(rows[i], rows[j])

    return sorted(range(len(rows)), key=cmp_to_key(compare))


def _sort(eqn: Any) -> Evaluation:
    axis, n_keys = eqn.params["dimension"], eqn.params["num_keys"]

    def step(*operands: Any) -> list[Any]:
        outs = [np.moveaxis(x, axis, -1).copy() for x in operands]
        for where in np.ndindex(outs[0].shape[:-1]):
            order = _order([x[where] for x in outs[:n_keys]])
            for x in outs:
                x[where] = x[where][order]
        return [np.moveaxis(x, -1, axis) for x in outs]

    return step


def _top_k(eqn: Any) -> Evaluation:
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


def native(eqn: Any) -> Evaluation:
    """An equation without a float operand. JAX computes it, exactly."""
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


def _integers(f: Callable[..., Any]) -> StepRule:
    """Integer functions by NumPy, which starts a hundred times faster than JAX; loop counters depend on it."""

    def rule(eqn: Any) -> Evaluation:
        dtype = eqn.outvars[0].aval.dtype

        def step(*xs: Any) -> Any:
            with np.errstate(over="ignore"):  # integers wrap silently in JAX
                return np.asarray(f(*xs)).astype(dtype, copy=False)

        return step

    return rule


MADE_FROM_INTEGERS = {"bitcast_convert_type", "empty"}
"""Primitives whose float result is exact if no operand is a float."""

APPROXIMATED: dict[str | None, StepRule] = {
    "exp_neg_sq": _elementwise(lambda v: (-scalars.integer_power(v, 2)).exp(), 1)
}
"""JAX functions, not primitives, that are accurate only to about float64's digits. Here they have the exact meaning of
their names. (In the derivative of erf, jax >= 0.12.)"""

EXACT: dict[str, StepRule] = {
    **movement.ANY_DTYPE,
    **{name: _integers(getattr(np, numpy)) for name, numpy in {
        "add": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "max": "maximum", "min": "minimum",
        "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "not": "invert",
        "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }.items()},
    "iota": _iota,
    "convert_element_type": lambda eqn: lambda x, *_: x.astype(eqn.outvars[0].aval.dtype),
}  # fmt: skip
"""Rules for equations without a float. Any other equation without a float is computed by `native`."""

RULES: dict[str, StepRule] = {
    **movement.RULES,
    **windows.RULES,
    **{name: _elementwise(f, 1) for name, f in scalars.UNARY.items()},
    **{name: _elementwise(f, 2) for name, f in scalars.BINARY.items()},
    **{name: _predicate(f, 2) for name, f in scalars.COMPARISONS.items()},
    "is_finite": _predicate(scalars.is_finite, 1),
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
    "dot_general": dot_general,
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
