"""The values of a problem, proven: evaluated in balls, and rounded correctly to doubles and to decimals."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import as_balls, bits_of_precision
from lstm_ref.errors import CannotEvaluate, UndecidedComparison
from lstm_ref.interop.vectors.cases import Case, arrays
from lstm_ref.interop.vectors.rounding import nearest_decimal, nearest_double

PRECISIONS = (256, 512, 1024, 2048, 4096)
"""Precisions in bits, tried in this order. From 2048 bits on, a number that is truly zero rounds to zero."""


class Proven(NamedTuple):
    """An array of right values."""

    doubles: np.ndarray
    """The double nearest to each value."""
    decimals: list[str]
    """Each value with 40 significant digits, in C order."""


def proven(case: Case) -> dict[str, Proven]:
    """All outputs, nodes, adjoints and gradients by name. Raises CannotEvaluate for a number that cannot be rounded."""
    undecided = "a comparison"
    for precision in PRECISIONS:
        with bits_of_precision(precision):
            try:
                found = in_balls(case)
            except UndecidedComparison:
                continue
            rounded = {name: _rounded(v) for name, v in found.items()}
        open_ones = [name for name, v in rounded.items() if v is None]
        if not open_ones:
            return {name: v for name, v in rounded.items() if v is not None}
        undecided = ", ".join(open_ones)
    raise CannotEvaluate(f"{case.name}: {undecided} is not decided by {PRECISIONS[-1]} bits: a tie, or a kink")


def in_balls(case: Case) -> dict[str, Any]:
    """All values by name, as balls of the current precision."""
    values = case.evaluate(*(jax.tree.map(as_balls, tree) for tree in (case.inputs, case.cotangents)))
    return {name: as_balls(v) for name, v in arrays(values).items()}


def _rounded(v: Any) -> Proven | None:
    elements = v.ravel().tolist()
    doubles, decimals = [nearest_double(x) for x in elements], [nearest_decimal(x) for x in elements]
    if None in doubles or None in decimals:
        return None
    return Proven(np.array(doubles, np.float64).reshape(v.shape), [str(text) for text in decimals])
