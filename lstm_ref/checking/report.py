"""What a check found, as plain data: every surface (terminal, JSON, test failure) shows this and computes nothing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 3

EXACT, ESTIMATOR, WRONG, UNDECIDED = "exact gradient", "intended estimator", "wrong", "undecided"


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
    directions: int = 0
    """Number of random directions along which it was asked; 0 where it saw every element."""
    wrong_directions: int = 0
    """Along how many of them the claim is wrong."""


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
    limit_in_floats: float = math.inf
    """Detection limit: an error in any one element beyond this part of that element's own size would have been caught
    in the numbers that the code gave; elements that are truly zero aside."""
    limit_in_balls: float | None = None
    """The same of the equations, evaluated in ball arithmetic; None where they could not be."""
    zeros: int = 0
    """Elements whose gradient is truly zero on this problem: it cannot tell a right term there from a missing one."""
    undecided: bool = False
    """Neither right nor wrong: what has to be allowed for rounding leaves no digit of the gradient, everywhere."""
    constants: float | None = None
    """Digits to which it is equal, where the rest is the rounding of constants in the code; None where it is equal to
    all digits that were compared."""

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
class NodeReport:
    """The adjoint of one named value, time step by time step."""

    name: str
    errors: tuple[float, ...]
    """Largest error of each step's elements, relative to the largest adjoint of this value at any step."""
    wrong: tuple[bool, ...]
    """Whether a step has an element that is wrong."""


@dataclass(frozen=True)
class Finding:
    """An answer to "what is wrong?", the first of a report's being the most precise."""

    kind: str
    """What led to it: "mistake" (an entry of the dictionary of mistakes), or the name of a test that needs none."""
    sentence: str
    """The answer, in plain text."""
    exact: bool = False
    """It explains the claimed gradient to all digits that the comparison sees."""
    tags: tuple[str, ...] = ()
    """Edges of the derivation, as "L4*"."""
    right: str | None = None
    """The term as it should be, in LaTeX."""
    wrong: str | None = None
    """The term as it was found, in LaTeX."""
    place: str | None = None
    """Where it is derived, as "derivations/lstm.md:93"."""


@dataclass(frozen=True)
class Conformance:
    """Whether the forward is the cell that it claims to be: another question than whether its gradient is right."""

    cell: str
    conforms: bool
    sentence: str
    variant: str | None = None
    """The known variant of the cell that it is instead, if it is one."""


@dataclass(frozen=True)
class Report:
    """The whole answer. `verdict` is one of `EXACT`, `ESTIMATOR`, `WRONG`, `UNDECIDED`."""

    name: str
    verdict: str
    inputs: tuple[InputReport, ...]
    estimator: str | None
    first_wrong: FirstWrong | None
    inherited: tuple[str, ...]
    """Nodes that are wrong further back: consequences of the first, not new faults."""
    unchecked: tuple[str, ...]
    """Leaves of the inputs, by path, for which no gradient is claimed. Every leaf is here or among `inputs`."""
    skipped: tuple[tuple[str, str], ...]
    """(oracle, why it could not be asked)."""
    notes: tuple[str, ...]
    floor: str
    """How the noise floor of the float comparison was found."""
    seed: int
    digits: int
    seconds: float
    environment: dict[str, str] = field(default_factory=dict)
    nodes: tuple[NodeReport, ...] = ()
    """The adjoints, in forward order, where the claim gives any."""
    findings: tuple[Finding, ...] = ()
    """What is wrong, the most precise answer first; empty for a right gradient."""
    conformance: Conformance | None = None
    """Of the forward with a known cell, where one is named or found."""
    undecided: tuple[str, ...] = ()
    """What this problem cannot decide, a sentence each."""
    schema: int = SCHEMA

    @property
    def right(self) -> bool:
        """Whether the claim holds: an exact gradient, or the declared estimator."""
        return self.verdict in (EXACT, ESTIMATOR)

    @property
    def exit_code(self) -> int:
        """0 where the claim holds, 1 where it is wrong, 2 where nothing could be decided."""
        return {WRONG: 1, UNDECIDED: 2}.get(self.verdict, 0)

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


def from_dict(data: dict[str, Any]) -> Report:
    """The report that `as_dict` made: numbers that JSON does not have, which became null, are infinite again."""

    def numbers(values: dict[str, Any], *names: str) -> dict[str, Any]:
        return values | {n: math.inf for n in names if values[n] is None}

    def one(values: dict[str, Any]) -> InputReport:
        oracles = tuple(
            OracleReport(**numbers(o, "digits", "limit", "error", "allowed") | {"worst": tuple(o["worst"])})
            for o in values["oracles"]
        )
        values = numbers(values, "digits_in_floats", "limit_in_floats")
        return InputReport(**values | {"oracles": oracles, "shape": tuple(values["shape"])})

    def node(values: dict[str, Any]) -> NodeReport:
        errors = tuple(math.inf if e is None else e for e in values["errors"])
        return NodeReport(values["name"], errors, tuple(values["wrong"]))

    fields = {k: v for k, v in data.items() if k not in ("elements", "right", "digits_in_balls", "digits_in_floats")}
    fields |= {k: tuple(fields[k]) for k in ("inherited", "unchecked", "notes", "undecided")}
    fields["skipped"] = tuple((name, why) for name, why in data["skipped"])
    fields["inputs"] = tuple(map(one, data["inputs"]))
    fields["nodes"] = tuple(map(node, data["nodes"]))
    fields["findings"] = tuple(Finding(**f | {"tags": tuple(f["tags"])}) for f in data["findings"])
    for name, kind in (("first_wrong", FirstWrong), ("conformance", Conformance)):
        fields[name] = None if data[name] is None else kind(**data[name])
    return Report(**fields)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
