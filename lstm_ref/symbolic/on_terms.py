"""Elementary functions on arrays of terms, by the names that cells call them."""

from __future__ import annotations

from typing import Any

from lstm_ref.symbolic import arrays
from lstm_ref.symbolic import functions as of
from lstm_ref.symbolic.sizes import CannotProve
from lstm_ref.symbolic.terms import MASK

concatenate, stack = arrays.concatenate, arrays.stack


def exp(x: Any) -> Any:
    """eˣ."""
    return x.each(of.exp_of)


def log(x: Any) -> Any:
    """ln x."""
    return x.each(of.log_of)


def sqrt(x: Any) -> Any:
    """√x."""
    return x.each(of.sqrt_of)


def tanh(x: Any) -> Any:
    """tanh x."""
    return x.each(of.tanh_of)


def sigmoid(x: Any) -> Any:
    """σ(x)."""
    return x.each(of.sigmoid_of)


def log_sigmoid(x: Any) -> Any:
    """ln σ(x)."""
    return x.each(of.log_sigmoid_of)


def softplus(x: Any) -> Any:
    """−ln σ(−x)."""
    return -log_sigmoid(-x)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return x.each(of.relu_of)


def step(x: Any) -> Any:
    """1 where x > 0, else 0."""
    return x.each(of.step_of)


def maximum(x: Any, y: Any) -> Any:
    """The larger."""
    return x.with_each(y, of.maximum_of)


def clip(x: Any, bound: float) -> Any:
    """x limited to ±bound."""
    return x - relu(x - bound) + relu(-x - bound)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the mask is 1, y where it is 0."""
    mask = arrays.terms(condition)
    if any(a.kind != MASK for v in mask.grid.flat for a in v.atoms):
        raise CannotProve("a choice by something else than a mask")
    return mask * x + (1 - mask) * y
