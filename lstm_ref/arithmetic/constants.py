"""Float constants in a user's code, and how far a result moves when each constant moves by its own rounding error.

Two floats that stand for one real number can differ: 2/3 and a division by 3, 1/0.7 and a division by 0.7. Balls see
that difference of 1e-17, though nobody made a mistake. So every float that the code combines with balls can be moved by
a multiple of its dtype's unit roundoff, unless it is plainly exact (a small integer, a short binary fraction). A
difference that changes with these moves can be explained by rounded constants.

A computed constant may be off by more: 1 - 0.9 is two units from 0.1, and 1 - 0.999 a hundred and more from 0.001.
Where a constant lies within such an error of a short decimal fraction, that fraction is taken as the intended value.
The entries of a table (a window, a transform) may be results of sums: small entries are then off by units of the
largest entry.

Constants that differ by a power of two are rounded alike, and are moved alike. The moves follow the rows of a Hadamard
matrix. Its columns are orthogonal, so over all ROWS moves the mean square of the change is exactly the sum of the
squares of the changes from single constants, for up to ROWS constants; for more constants this holds on average.
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
"""A float with a significand this short is taken as exact: a rounded number ends so with probability 2^-40."""
FLOAT32_BITS = 24
LARGEST_INTEGER = 2**24
MOST_UNITS = 1e3
LARGEST_TOLERANCE = 1e-4
SHORT_DECIMAL = 8
"""Significant digits. A random float lies this near to such a decimal fraction once in a million."""

_ONE = np.array([[1.0]])
HADAMARD = np.block([[_ONE, _ONE], [_ONE, -_ONE]])
HADAMARD = np.kron(np.kron(HADAMARD, HADAMARD), HADAMARD)


class Constants:
    """The constants that an evaluation meets, and how they are moved. With `row` None they are only counted."""

    def __init__(self, kept: Iterable[float] = ()) -> None:
        self.kept = frozenset(kept)
        """Numbers of the problem itself. They are never treated as constants of the code."""
        self.column: dict[tuple[float, int], int] = {}
        """Keyed by significand and bits of the dtype, in the order in which they were met."""
        self.row: int | None = None
        self.size = 0.0
        """By how many unit roundoffs of its dtype each constant is moved."""
        self.tolerances_times = 1.0
        """Factor on tolerances at which loops of the code may stop."""
        self.has_tolerance = False
        """Whether one was met that may be such a tolerance."""
        self._taken: dict[tuple[float, int, float], arb] = {}

    def taken(self, value: float, bits: int, largest: float = 0.0) -> arb:
        """The value that the evaluation uses for a constant of a dtype with this many bits. `largest` is the largest
        entry of the table that contains the constant. The same value each time: a table is read at every point."""
        key = value, bits, largest
        if key not in self._taken:
            self._taken[key] = self._take(*key)
        return self._taken[key]

    def _take(self, value: float, bits: int, largest: float) -> arb:
        exact = arb(value)
        self.has_tolerance |= is_tolerance(value)
        if self.tolerances_times != 1.0 and is_tolerance(value):
            return exact * arb(self.tolerances_times)
        if value in self.kept or is_exact(value):
            return exact
        key = abs(math.frexp(value)[0]), bits
        column = self.column.setdefault(key, len(self.column))
        if self.row is None:
            return exact
        sign = HADAMARD[self.row, column] if column < ROWS else _sign(column, self.row)
        with flint.ctx.workdps(MOVED_DIGITS):  # a program's constants are made before its number of digits is known
            units = max(_units(value, bits), min(MOST_UNITS, largest / abs(value)))
            return exact * (1 + arb(sign * self.size * units) * arb(2) ** -bits)


def _units(value: float, bits: int) -> float:
    """By how many unit roundoffs a constant may differ from the intended value, at least one.

    Near a short decimal fraction, this is half the distance from it, because a move by one unit is later allowed
    several times over.
    """
    meant, unit = float(f"{value:.{SHORT_DECIMAL}g}"), 2.0**-bits
    off = abs(value - meant)
    return max(1.0, off / (2 * unit * abs(value))) if off <= 4 * unit * max(1.0, abs(value)) else 1.0


def _sign(column: int, row: int) -> float:
    return float(np.random.default_rng((column, row)).choice([-1.0, 1.0]))


def is_exact(value: float) -> bool:
    """Whether a float is plainly the intended number: zero, an integer, a short binary fraction, or not finite."""
    if not math.isfinite(value) or (value.is_integer() and abs(value) <= LARGEST_INTEGER):
        return True
    return (math.frexp(value)[0] * 2**EXACT_BITS).is_integer()


def is_tolerance(value: float) -> bool:
    """Whether a float is a small power of ten, as people write for the tolerance of a loop."""
    return 0 < value <= LARGEST_TOLERANCE and value == float(f"1e{round(math.log10(value))}")


_current: Constants | None = None


def current() -> Constants | None:
    """The `Constants` of the current evaluation; None where constants keep their values."""
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
    """Bits of a float constant's significand; `bits` where NumPy does not know the dtype.

    A single number that float32 can hold is taken as a promoted float32: by chance, one float64 in 2^29 is such a
    number.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is not None and np.dtype(dtype).kind == "f":
        bits = min(bits, int(np.finfo(dtype).nmant) + 1)
    with np.errstate(over="ignore"):
        is_single = np.ndim(value) == 0 and float(np.float32(value)) == float(value)
    return min(bits, FLOAT32_BITS) if is_single else bits
