"""What the elementwise JAX primitives mean for one or two real balls: tables from their names to functions.

Ball arithmetic does not evaluate some limits that JAX returns (log 0 = −inf, inf², erf(inf) …). They are defined here,
because masks are made of infinities. Where balls cannot decide, `UndecidedComparison` is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod

from flint import acb, arb

from lstm_ref.arithmetic import balls
from lstm_ref.arithmetic.balls import Ball, at_most, equal, is_nan, less, show
from lstm_ref.errors import UndecidedComparison

ZERO, HALF, ONE, INF, NAN = arb(0), arb(0.5), arb(1), arb("inf"), arb("nan")


# ------------------------------------------------------------------------------------- functions of one number


def _at(points: dict[float, float], f: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """`f`, with its limits at points where ball arithmetic has no value."""
    limits = [(arb(x), arb(y)) for x, y in points.items()]

    def with_limits(v: arb) -> arb:
        y = f(v)
        if not y.is_finite() and v.is_exact():
            return next((limit for x, limit in limits if v == x), y)
        return y

    return with_limits


def integer_power(v: arb, n: int) -> arb:
    """vⁿ. Ball arithmetic has inf·inf but no inf², and no square of a ball around an exact zero."""
    if v.is_finite() and v.mid() != 0:
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
    """⌊v⌋, if it is the same for all numbers in the ball."""
    if not v.is_finite() and v.is_exact():
        return v
    whole = v.floor()
    if whole.unique_fmpz() is None:
        raise UndecidedComparison(f"is {show(v)} below or above a whole number? The ball contains it")
    return whole


def _ceil(v: arb) -> arb:
    return -_floor(-v)


def _truncate(v: arb) -> arb:
    """Rounds towards zero, as a conversion to integers does."""
    size = _floor(abs(v))
    return size if size.is_zero() or v > 0 else -size


def rounded(v: arb, to_even: bool) -> arb:
    """The nearest whole number. Of two equally near, the even one, or the one farther from zero."""
    up = _floor(v + HALF)
    if v.is_finite() and equal(up - v, HALF):
        odd = whole(up) % 2 == 1
        return up - 1 if (odd if to_even else v < 0) else up
    return up


def whole(v: arb) -> int:
    """The integer that a conversion makes of v. Raises `UndecidedComparison` where the ball does not decide it."""
    n = _truncate(v).unique_fmpz() if v.is_finite() else None
    if n is None:
        raise UndecidedComparison(f"which integer is {show(v)}?")
    return int(n)


def is_finite(v: arb) -> bool:
    """Whether v is finite. Raises `UndecidedComparison` if nothing is known of it."""
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
    """max(a, b): the same object a or b where one dominates, so that the gradient of max can identify the winner."""
    return NAN if is_nan(a) or is_nan(b) else balls.larger(a, b).real


def smaller(a: arb, b: arb) -> arb:
    """min(a, b), as `larger`."""
    return NAN if is_nan(a) or is_nan(b) else balls.smaller(a, b).real


def power(a: arb, b: arb) -> arb:
    """a to the power b: for any a if b is a whole number, else for a ≥ 0."""
    n = b.unique_fmpz() if b.is_exact() and b.is_finite() else None
    return a**b if n is None else integer_power(a, int(n))


def log_add_exp(a: arb, b: arb) -> arb:
    """ln(eᵃ + eᵇ). No ball overflows, so the textbook formula suffices; −inf adds zero."""
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
    """The order that binary search uses: that of the numbers. NaN also has a place in it, which depends on NaN's
    bits."""

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
