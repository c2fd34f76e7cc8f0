"""From balls to the nearest double and to 40 decimal digits, only where the ball decides the result.

A ball decides its rounding where both of its ends round to the same number; otherwise the precision must be raised.
That ends in all cases but one. A number that is truly zero ends as a ball within ±2^-1075, all of which rounds to zero.
A number that is a double ends, because its whole neighbourhood rounds to it. A number half-way between two doubles (a
*tie*, which rounds to even) is decided where its ball is exact, as it is after `+ − ×` of such numbers alone. A tie
that involves a division or a transcendental function is never decided, and no such number is written.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from flint import arb

from lstm_ref.arithmetic.balls import Ball

DIGITS = 40
LARGEST = 2**1023
"""The end of the doubles' range. Numbers of this size or larger are not rounded."""
_DECIMALS = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, Emin=-(10**6), Emax=10**6)


def nearest_double(x: Ball) -> float | None:
    """The double nearest to the number in the ball, ties to even; None where the ball does not decide it. Zero is +0.

    Call it at the precision at which the ball was computed.
    """
    if not abs(x.real) < LARGEST:  # also true for a NaN
        return None
    low, high = (_double(end) for end in (x.real.lower(), x.real.upper()))
    return low + 0.0 if low == high else None


def nearest_decimal(x: Ball) -> str | None:
    """As `nearest_double`, with 40 significant decimal digits. A number that rounds to the double 0 gives "0"."""
    if nearest_double(x) == 0:
        return "0"
    if not abs(x.real) < LARGEST:
        return None
    low, high = (_decimal(end) for end in (x.real.lower(), x.real.upper()))
    return str(low) if low == high else None


def _double(end: arb) -> float:
    return float(_exact(end))  # a quotient of integers is rounded correctly, to even, also for subnormal numbers


def _decimal(end: arb) -> Decimal:
    exact = _exact(end)
    twos = exact.denominator.bit_length() - 1
    digits = Decimal(exact.numerator * 5**twos)  # exact: Decimal's constructor does not round
    return _DECIMALS.normalize(digits.scaleb(-twos, Context(prec=10**6, Emin=-(10**6), Emax=10**6)))


def _exact(end: arb) -> Fraction:
    mantissa, exponent = (int(v) for v in end.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent
