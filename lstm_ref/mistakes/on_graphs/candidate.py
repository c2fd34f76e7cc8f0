"""One entry of the dictionary: a mistake that may explain a claim, as edits of the reverse sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_ref.graph.sweep import RuleEdit, Where
from lstm_ref.mistakes.on_graphs.batched import Scaled
from lstm_ref.mistakes.on_graphs.edges import EdgeGroup, Frame


@dataclass(frozen=True)
class Candidate:
    """A mistake that may explain the claim: edits of the reverse sweep."""

    kind: str
    """A word for the edit."""
    tier: int
    frames: tuple[Frame, ...]
    reach: int
    """The inputs that it can change, as bits."""
    edits: dict[Where, RuleEdit] = field(default_factory=dict)
    leaf: int = -1
    """The input whose gradient is changed after the sweep, by its place among the inputs."""
    change: Callable[[np.ndarray, list[np.ndarray]], Any] | None = None
    group: EdgeGroup | None = None
    parts: tuple[dict[Where, RuleEdit], ...] = ()
    """Edits of several sweeps, whose differences from the sweep of `edits` are added to it."""
    only: int = -1
    """The inputs, as bits, that take their gradients from the edited sweep, if the others do not; -1 for all."""
    found: str = ""
    """What was found, in words."""
    right: str = ""
    """What should stand there."""


def times(c: float) -> RuleEdit:
    """The edit that multiplies by a number."""
    return Scaled(c)


def multiplied(factor: Any) -> RuleEdit:
    """The edit that multiplies by an array."""
    return lambda contribution, at: contribution * factor


def instead(value: Any, own: Any) -> Any:
    """The value, in the shape of the one that it replaces."""
    return np.reshape(value, np.shape(own))
