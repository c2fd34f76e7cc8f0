"""What a check found, as plain data: every surface (terminal, JSON, test failure) shows this and computes nothing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1

EXACT, ESTIMATOR, WRONG = "exact gradient", "intended estimator", "wrong"


@dataclass(frozen=True)
class OracleReport:
    """One oracle's word on one input."""

    oracle: str
    digits: float
    agrees: bool
    decides: bool
    """Whether the verdict rests on this oracle (the others corroborate)."""
    limit: float
    """Smallest relative error of the largest element that this oracle would have caught."""
    worst: tuple[int, ...]
    claimed: str
    expected: str
    error: float
    allowed: float


@dataclass(frozen=True)
class InputReport:
    """What was found of the gradient with respect to one input."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    right: bool
    wrong_elements: int
    digits_in_balls: float | None
    """Of the equations, evaluated in ball arithmetic; None where they could not be."""
    digits_in_floats: float
    """Of the numbers that the code really gave."""
    oracles: tuple[OracleReport, ...]
    pattern: str | None = None
    """Which part of a wrong gradient is wrong, where that is a pattern."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class FirstWrong:
    """The first wrong adjoint on the way back from the loss: the mistake is here or on an edge leaving it."""

    node: str
    step: int
    steps: int


@dataclass(frozen=True)
class Report:
    """The whole answer. `verdict` is one of `EXACT`, `ESTIMATOR`, `WRONG`."""

    name: str
    verdict: str
    inputs: tuple[InputReport, ...]
    estimator: str | None
    first_wrong: FirstWrong | None
    inherited: tuple[str, ...]
    """Nodes that are wrong further back: consequences of the first, not new faults."""
    unchecked: tuple[str, ...]
    """Inputs for which no gradient is claimed."""
    skipped: tuple[tuple[str, str], ...]
    """(oracle, why it could not be asked)."""
    notes: tuple[str, ...]
    floor: str
    """How the noise floor of the float comparison was found."""
    seed: int
    digits: int
    seconds: float
    environment: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def right(self) -> bool:
        """Whether the claim holds: an exact gradient, or the declared estimator."""
        return self.verdict != WRONG

    @property
    def elements(self) -> int:
        """Number of gradient elements compared."""
        return sum(i.elements for i in self.inputs)

    @property
    def digits_in_balls(self) -> float | None:
        """The least over the inputs, or None where some could not be compared in balls."""
        found = [i.digits_in_balls for i in self.inputs]
        return None if not found or None in found else min(d for d in found if d is not None)

    @property
    def digits_in_floats(self) -> float:
        """The least over the inputs."""
        return min((i.digits_in_floats for i in self.inputs), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON-serialisable data; numbers JSON does not have become null."""
        data = _plain(asdict(self))
        data["elements"], data["right"] = self.elements, self.right
        data["digits_in_balls"], data["digits_in_floats"] = _plain(self.digits_in_balls), _plain(self.digits_in_floats)
        return data

    def as_json(self) -> str:
        """`as_dict` as text."""
        return json.dumps(self.as_dict(), indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
