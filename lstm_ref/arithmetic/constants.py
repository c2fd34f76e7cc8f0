"""Float constants in a user's code, and how far a result moves when each moves by its own rounding.

Two floats that stand for one real number differ: 2/3 and a division by 3, 1/0.7 and a division by 0.7. Balls see that
difference of 1e-17, and it is nobody's mistake. So every float that the code meets beside balls, and that is not
plainly exact (a small integer, a short binary fraction), can be moved by a multiple of the unit roundoff of its dtype:
what changes by it is what rounded constants can explain.

A computed constant may be off by more: 1 - 0.9 is two units off 0.1, 1 - 0.999 a hundred and more off 0.001. Where a
constant is as near to a short decimal fraction as numbers below 1 are rounded, that is taken for what was meant. And a
table (a window, a transform) may have been summed up: its small entries are off by units of its largest.

Constants that differ by a power of two are rounded alike, and are moved alike. They are moved in the directions of the
rows of a Hadamard matrix: its columns are orthogonal, so that over all ROWS moves the mean square of the change is
exactly the sum of the squares of the changes that single constants make, of up to ROWS of them; of more, on average.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import flint
import numpy as np
from flint import arb

ROWS = 8
MOVED_DIGITS = 200
EXACT_BITS = 10
"""A float with a significand this short was meant as it is: that a rounded number ends so has a chance of 2^-40."""
FLOAT32_BITS = 24
LARGEST_INTEGER = 2**24
MOST_UNITS = 1e3
LARGEST_TOLERANCE = 1e-4
SHORT_DECIMAL = 8
"""Digits: by chance a float lies so near to such a fraction once in a million."""

_ONE = np.array([[1.0]])
HADAMARD = np.block([[_ONE, _ONE], [_ONE, -_ONE]])
HADAMARD = np.kron(np.kron(HADAMARD, HADAMARD), HADAMARD)


class Constants:
    """The constants that an evaluation meets, and how they are moved; `row` None: they are only counted."""

    def __init__(self, kept: Iterable[float] = ()) -> None:
        self.kept = frozenset(kept)
        """Numbers that are no constants of the code wherever they are met: those of the problem."""
        self.column: dict[tuple[float, int], int] = {}
        """By significand and bits of the dtype, in the order in which they were met."""
        self.row: int | None = None
        self.size = 0.0
        """By how many unit roundoffs of its dtype each is moved."""
        self.tolerances_times = 1.0
        """What tolerances are multiplied by, at which loops of the code may stop."""

    def taken(self, value: float, bits: int, largest: float = 0.0) -> arb:
        """A constant of a dtype with so many bits, as the evaluation takes it; `largest` is the table's that it is
        an entry of."""
        exact = arb(value)
        if self.tolerances_times != 1.0 and is_tolerance(value):
            return exact * arb(self.tolerances_times)
        if value in self.kept or is_exact(value):
            return exact
        key = abs(math.frexp(value)[0]), bits
        column = self.column.setdefault(key, len(self.column))
        if self.row is None:
            return exact
        sign = HADAMARD[self.row, column] if column < ROWS else _sign(column, self.row)
        with flint.ctx.workdps(MOVED_DIGITS):  # a program's constants are made before its digits are known
            units = max(_units(value, bits), min(MOST_UNITS, largest / abs(value)))
            return exact * (1 + arb(sign * self.size * units) * arb(2) ** -bits)


def _units(value: float, bits: int) -> float:
    """By how many of its unit roundoffs a constant may be off what was meant: half of its distance from a short decimal
    fraction, where there is one, for what is moved by one unit is allowed for by several; and at least one."""
    meant, unit = float(f"{value:.{SHORT_DECIMAL}g}"), 2.0**-bits
    off = abs(value - meant)
    return max(1.0, off / (2 * unit * abs(value))) if off <= 4 * unit * max(1.0, abs(value)) else 1.0


def _sign(column: int, row: int) -> float:
    return float(np.random.default_rng((column, row)).choice([-1.0, 1.0]))


def is_exact(value: float) -> bool:
    """Whether a float plainly is the number that was meant: zero, an integer, a short fraction, or not finite."""
    if not math.isfinite(value) or (value.is_integer() and abs(value) <= LARGEST_INTEGER):
        return True
    return (math.frexp(value)[0] * 2**EXACT_BITS).is_integer()


def is_tolerance(value: float) -> bool:
    """Whether a float is a small power of ten, as people write where a loop may stop."""
    return 0 < value <= LARGEST_TOLERANCE and value == float(f"1e{round(math.log10(value))}")


_current: Constants | None = None


def current() -> Constants | None:
    """What takes the constants of the evaluation that is going on; None: they are taken as they are."""
    return _current


@contextmanager
def noted(constants: Constants) -> Iterator[Constants]:
    """Context in which evaluations in balls take their float constants from `constants`."""
    global _current
    before, _current = _current, constants
    try:
        yield constants
    finally:
        _current = before


def bits_of(value: Any, bits: int = 53) -> int:
    """Bits of the significand of the float that a constant is, whose dtype has so many where NumPy does not know it.

    One number that a float32 holds was one, and has been promoted: by chance one float64 in 2^29 is.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is not None and np.dtype(dtype).kind == "f":
        bits = min(bits, int(np.finfo(dtype).nmant) + 1)
    with np.errstate(over="ignore"):
        is_single = np.ndim(value) == 0 and float(np.float32(value)) == float(value)
    return min(bits, FLOAT32_BITS) if is_single else bits
