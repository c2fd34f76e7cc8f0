"""The result of a check as plain data. Terminal, JSON and test failures show this data and compute nothing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from lstm_ref import display, site
from lstm_ref.errors import shown

SCHEMA = 3

EXACT, ESTIMATOR, WRONG, UNDECIDED = "exact gradient", "intended estimator", "wrong", "undecided"


@dataclass(frozen=True)
class OracleReport:
    """One oracle's comparison for one input."""

    oracle: str
    digits: float
    agrees: bool
    decides: bool
    """Whether the verdict depends on this oracle; the other oracles only corroborate."""
    limit: float
    """Smallest error, relative to the largest element, that this oracle would have caught."""
    worst: tuple[int, ...]
    claimed: str
    expected: str
    error: float
    allowed: float
    directions: int = 0
    """Number of random directions in which the oracle was asked; 0 if it saw every element."""
    wrong_directions: int = 0
    """In how many of these directions the claim is wrong."""


@dataclass(frozen=True)
class InputReport:
    """The result for the gradient with respect to one input."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    right: bool
    wrong_elements: int
    digits_in_balls: float | None
    """Digits to which the equations agree, evaluated in ball arithmetic; None where the code cannot run in balls."""
    digits_in_floats: float
    """Digits to which the code's own floats agree."""
    oracles: tuple[OracleReport, ...]
    pattern: str | None = None
    """Where the wrong elements lie, if they form a pattern."""
    limit_in_floats: float = math.inf
    """Detection limit in floats: an error in any one element larger than this part of the element's own size would have
    been caught. Elements that are truly zero do not count."""
    limit_in_balls: float | None = None
    """The detection limit of the equations, evaluated in ball arithmetic; None where the code cannot run in balls."""
    zeros: int = 0
    """Number of elements whose gradient is truly zero on this problem, where a missing term would not show."""
    undecided: bool = False
    """Neither right nor wrong: the allowance for rounding is as large as the gradient in every element."""
    constants: float | None = None
    """Digits of agreement, if the remaining difference comes from the rounding of constants in the code; None if all
    compared digits agree."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class FirstWrong:
    """The first wrong adjoint on the way back from the loss: the mistake is here, or on an edge that leaves this
    value."""

    node: str
    step: int
    steps: int


@dataclass(frozen=True)
class NodeReport:
    """The adjoint of one named value, time step by time step."""

    name: str
    errors: tuple[float, ...]
    """For each step, the largest error, relative to the largest adjoint of this value at any step."""
    wrong: tuple[bool, ...]
    """For each step, whether an element is wrong."""


@dataclass(frozen=True)
class Finding:
    """An answer to "what is wrong?". A report lists the most precise answer first."""

    kind: str
    """Kind of the answer: "mistake" (an entry of the dictionary of mistakes), or the name of a test that needs no
    dictionary."""
    sentence: str
    """The answer, in plain text."""
    exact: bool = False
    """Whether it explains the claimed gradient to all digits that the comparison sees."""
    tags: tuple[str, ...] = ()
    """Tags of the derivation's edges, as "L4*"."""
    right: str | None = None
    """The term as it should be, in LaTeX."""
    wrong: str | None = None
    """The term as the author has it, in LaTeX."""
    place: str | None = None
    """Where the term is derived, as "derivations/lstm.md:93"."""

    @property
    def see(self) -> str | None:
        """The command that prints the term's derivation, from the pages that are installed with the package."""
        return f"lstm-ref show '{self.tags[0]}'" if self.place and self.tags else None

    @property
    def url(self) -> str | None:
        """The address of the term's derivation on the site."""
        return site.equation(self.place, next(iter(self.tags), None)) if self.place else None


@dataclass(frozen=True)
class Conformance:
    """Whether the forward is the cell that it claims to be. This is a separate question from whether its gradient is
    right."""

    cell: str
    conforms: bool
    sentence: str
    variant: str | None = None
    """The known variant of the cell that the forward is instead, if any."""


@dataclass(frozen=True)
class Report:
    """The whole result of a check. `verdict` is one of `EXACT`, `ESTIMATOR`, `WRONG`, `UNDECIDED`."""

    name: str
    verdict: str
    inputs: tuple[InputReport, ...]
    estimator: str | None
    first_wrong: FirstWrong | None
    inherited: tuple[str, ...]
    """Nodes further back that are wrong as consequences of the first, not by new faults."""
    unchecked: tuple[str, ...]
    """Paths of the input leaves for which no gradient is claimed. Every leaf is either here or among `inputs`."""
    skipped: tuple[tuple[str, str], ...]
    """(oracle, or another part of the check, and why it could not be used)."""
    notes: tuple[str, ...]
    floor: str
    """How the noise floor of the float comparison was found."""
    seed: int
    digits: int
    seconds: float
    environment: dict[str, str] = field(default_factory=dict)
    nodes: tuple[NodeReport, ...] = ()
    """Reports on the claimed adjoints, in forward order, if there are any."""
    findings: tuple[Finding, ...] = ()
    """Causes of a wrong gradient, the most precise first; empty for a right gradient."""
    conformance: Conformance | None = None
    """Whether the forward is a known cell, if one is named or recognised."""
    undecided: tuple[str, ...] = ()
    """What this problem cannot decide, one sentence each."""
    symbolic: str | None = None
    """Whether the equations are proven as terms, for all values and sizes: "yes", "yes, away from kinks", or "no: " and
    why not; None where that is not asked."""
    schema: int = SCHEMA

    def __str__(self) -> str:
        return display.text(self)

    def __repr__(self) -> str:
        return f"<Report of {shown(self.name)}: {self.verdict}, {self.elements} elements>"

    def _repr_html_(self) -> str:
        return display.html(self)

    @property
    def right(self) -> bool:
        """Whether the claim holds: an exact gradient, or the declared estimator."""
        return self.verdict in (EXACT, ESTIMATOR)

    @property
    def exit_code(self) -> int:
        """0 if the claim holds, 1 if it is wrong, 2 if it is undecided."""
        return {WRONG: 1, UNDECIDED: 2}.get(self.verdict, 0)

    @property
    def elements(self) -> int:
        """Number of gradient elements compared."""
        return sum(i.elements for i in self.inputs)

    @property
    def digits_in_balls(self) -> float | None:
        """The fewest digits of any input in balls; None if some input was not compared in balls."""
        found = [i.digits_in_balls for i in self.inputs]
        return None if not found or None in found else min(d for d in found if d is not None)

    @property
    def digits_in_floats(self) -> float:
        """The fewest digits of any input in floats."""
        return min((i.digits_in_floats for i in self.inputs), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-serialisable data; numbers that JSON lacks become null."""
        data = _plain(asdict(self))
        data["elements"], data["right"] = self.elements, self.right
        data["digits_in_balls"], data["digits_in_floats"] = _plain(self.digits_in_balls), _plain(self.digits_in_floats)
        for found, finding in zip(data["findings"], self.findings, strict=True):
            found["url"] = finding.url
        return data

    def as_json(self) -> str:
        """`as_dict` as text."""
        return json.dumps(self.as_dict(), indent=2)


def from_dict(data: dict[str, Any]) -> Report:
    """The inverse of `as_dict`. Numbers that JSON lacks and that became null are read as infinite."""

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

    def finding(values: dict[str, Any]) -> Finding:
        values = {k: v for k, v in values.items() if k != "url"}
        return Finding(**values | {"tags": tuple(values["tags"])})

    fields = {k: v for k, v in data.items() if k not in ("elements", "right", "digits_in_balls", "digits_in_floats")}
    fields |= {k: tuple(fields[k]) for k in ("inherited", "unchecked", "notes", "undecided")}
    fields["skipped"] = tuple((name, why) for name, why in data["skipped"])
    fields["inputs"] = tuple(map(one, data["inputs"]))
    fields["nodes"] = tuple(map(node, data["nodes"]))
    fields["findings"] = tuple(map(finding, data["findings"]))
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
