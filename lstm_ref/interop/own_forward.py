"""Whose gradient is right, ours or the layer's? Differences of its own forward decide: an oracle that knows neither."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.report import Finding
from lstm_ref.interop.conform.features import FeatureCase
from lstm_ref.interop.other_forward import Answering, outputs_by_path
from lstm_ref.leaves import NamedArrays

NEARER = 10
"""How many times nearer to one of two numbers a difference quotient must be to decide for it."""


def decided(
    given: FeatureCase, weights: dict[str, Any], answer: Answering, claimed: NamedArrays, truth: NamedArrays
) -> Finding | None:
    """Asks the layer's forward about every gradient that differs from ours.

    Each is asked along the direction in which the two differ, where they differ most: the derivative of
    Σ cotangent · output by central differences, whose step is the cube root of the unit roundoff, as usual.

    Args:
        given: A problem of one layer in one direction, whose forward agrees with ours.
        weights: The problem's parameters in the layout.
        answer: What answers.
        claimed: The layer's gradients that differ, by path: `params.…`, `state.…`, `xs`.
        truth: Ours.

    Returns:
        What the differences say; None where they decide for neither.
    """
    step = 2.0 ** (-bits(given.dtype) / 3)
    state = given.initial[0]
    values = {**{f"params.{k}": v for k, v in weights.items()}, "xs": given.xs}
    values |= {f"state.{k}": v for k, v in state._asdict().items()}
    bars = outputs_by_path(given.bar)

    def total(path: str, value: np.ndarray) -> float:
        moved = values | {path: value.astype(given.dtype)}
        initial = [type(state)(*(moved[f"state.{k}"] for k in state._fields))]
        read = given._replace(initial=initial, xs=moved["xs"])
        outputs = outputs_by_path(answer(read, [{k: moved[f"params.{k}"] for k in weights}]).outputs)
        return sum(float(np.sum(np.multiply(bars[k], v, dtype=np.float64))) for k, v in outputs.items())

    sides = set()
    for path, claim in claimed.items():
        value, apart = np.asarray(values[path], np.float64), truth[path] - claim
        towards = apart / np.max(np.abs(apart)) * step * np.max(np.abs(value), initial=1e-3)
        quotient = (total(path, value + towards) - total(path, value - towards)) / 2
        ours, theirs = (abs(quotient - float(np.sum(towards * v))) for v in (truth[path], claim))
        sides.add("ours" if ours * NEARER <= theirs else "its own" if theirs * NEARER <= ours else "neither")
    if len(sides) != 1 or "neither" in sides:
        return None
    whose = "our gradients, not with its own" if sides == {"ours"} else "its own gradients, not with ours"
    return Finding("differences", f"differences of the layer's own forward agree with {whose}")
