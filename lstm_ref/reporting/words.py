"""The sentences and numbers of a report, the same in every output format."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from lstm_ref.checking.report import UNDECIDED, Finding, InputReport, OracleReport, Report
from lstm_ref.errors import shown


def kind(one: Report | InputReport) -> str:
    """right, wrong or undecided; it determines colours and signs."""
    unknown = one.undecided if isinstance(one, InputReport) else one.verdict == UNDECIDED
    return "right" if one.right else "undecided" if unknown else "wrong"


def worst_kind(reports: Iterable[Report]) -> str:
    """The worst kind among several reports: wrong if any is wrong, else undecided if any is undecided."""
    found = {kind(report) for report in reports}
    return next((k for k in ("wrong", "undecided") if k in found), "right")


def facts(report: Report) -> str:
    """Elements, digits and seconds."""
    balls = report.digits_in_balls
    agreeing = "equations not provable in balls" if balls is None else f"{counted(round(balls), 'digit')} in balls"
    in_floats = f"{report.digits_in_floats:.1f} in floats"
    return f"{counted(report.elements, 'element')}, {agreeing}, {in_floats}, {report.seconds:.1f} s"


def counted(number: int, noun: str) -> str:
    """The number and the noun: 1 digit, 2 digits."""
    return f"{number} {noun}" + "s" * (number != 1)


def where_time_went(reports: Iterable[Report]) -> str:
    """The parts of the names of several reports by the time of their checks, and the longest check."""
    reports = list(reports)
    whole = sum(report.seconds for report in reports)
    parts: dict[str, float] = {}
    for report in reports:
        part = report.name.partition("/")[0]
        parts[part] = parts.get(part, 0.0) + report.seconds
    shares = [f"{parts[part] / whole:.0%} {part}/" for part in sorted(parts, key=lambda part: -parts[part])]
    longest = max(reports, key=lambda report: report.seconds)
    return f"time of the checks: {', '.join(shares)}; the longest: {longest.name}, {longest.seconds:.1f} s"


def terms(report: Report) -> str:
    """Whether the equations are proven as terms, in a word."""
    return {None: "-", "yes, away from kinks": "kinks"}.get(report.symbolic) or str(report.symbolic).partition(":")[0]


def digits(number: float) -> str:
    """Digits of agreement: one decimal, or none for large numbers."""
    return "∞" if math.isinf(number) else f"{number:.1f}" if number < 99 else f"{number:.0f}"


def limit(one: InputReport) -> str:
    """The detection limit: "3e-14 in float64, 1e-70 in balls"."""
    parts = [f"{one.limit_in_floats:.0e} in {one.dtype}"] if math.isfinite(one.limit_in_floats) else []
    if one.limit_in_balls is not None and math.isfinite(one.limit_in_balls):
        parts.append(f"{one.limit_in_balls:.0e} in balls")
    return ", ".join(parts) or "none"


def small(number: float | None) -> str:
    """A detection limit with one digit and an exponent."""
    return "-" if number is None or not math.isfinite(number) else f"{number:.0e}"


def error(number: float) -> str:
    """A relative error with one digit."""
    return f"{number:.1g}" if math.isfinite(number) else "not finite"


def shape(one: InputReport) -> str:
    """Sizes of the axes."""
    return "×".join(map(str, one.shape)) or "scalar"


def zeros(report: Report) -> str | None:
    """Which gradients are zero on this problem. The check cannot see a term that is missing there."""
    found = [f"{one.name} ({one.zeros} of {one.elements})" for one in report.inputs if one.zeros]
    return ", ".join(found) or None


def verdict(one: InputReport) -> str:
    """right, undecided, or how much is wrong."""
    if one.right and one.constants is not None:
        return f"right but for the rounding of constants, {digits(one.constants)} digits"
    if kind(one) != "wrong":
        return kind(one)
    decider = _decider(one)
    if decider is not None and decider.directions:
        return f"wrong along {decider.wrong_directions} of {decider.directions} directions"
    return f"WRONG: {one.wrong_elements} of {one.elements}" if one.wrong_elements else "WRONG"


def not_decided(report: Report) -> str:
    """What could not be decided, and what would decide it."""
    names = ", ".join(shown(i.name) for i in report.inputs if i.undecided)
    what = f"the gradient of {names} could not be decided" if names else "nothing could be decided"
    return "; ".join([f"{shown(report.name)}: {what}", *map(shown, report.undecided)])


def _decider(one: InputReport) -> OracleReport | None:
    """The deciding oracle that a wrong gradient disagrees with."""
    return next((o for o in one.oracles if not o.agrees and o.decides), None)


def first_wrong(report: Report) -> str | None:
    """The first wrong adjoint, and those that inherit its error."""
    first = report.first_wrong
    if first is None:
        return None
    text = (
        f"the adjoint of {first.node} at step {first.step} of 0..{first.steps - 1}: all adjoints before it are right, "
        "so an edge that leaves this value is wrong"
    )
    return f"{text}; inherited from it: {_grouped(report.inherited)}" if report.inherited else text


def _grouped(inherited: tuple[str, ...]) -> str:
    """The inherited errors by node, with runs of steps joined: "h[3..0], c[3..0]"."""
    steps: dict[str, list[str]] = {}
    for one in inherited:
        name, _, step = one.removesuffix("]").rpartition("[")
        steps.setdefault(name, []).append(step)
    shown = []
    for name, at in steps.items():
        one_by_one = all(abs(int(a) - int(b)) == 1 for a, b in itertools.pairwise(at))
        shown.append(f"{name}[{at[0]}..{at[-1]}]" if len(at) > 2 and one_by_one else f"{name}[{', '.join(at)}]")
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")


def worst(one: InputReport) -> str | None:
    """Where a wrong gradient has its largest error, and the pattern of the wrong elements."""
    decider = _decider(one)
    if kind(one) != "wrong" or decider is None:
        return None
    sizes = f"error {decider.error:.2g}, allowed {decider.allowed:.2g}"
    if decider.directions:  # sums over all elements, so no single element can be named
        return (
            f"{one.name} is {verdict(one)}; along the worst: claimed {decider.claimed}, expected {decider.expected} "
            f"({decider.oracle}); {sizes}"
        )
    at = f"[{', '.join(map(str, decider.worst))}]" if decider.worst else ""
    pattern = f"; {one.pattern}" if one.pattern and one.wrong_elements < one.elements else ""
    return (
        f"worst at {one.name}{at}: claimed {decider.claimed}, expected {decider.expected} ({decider.oracle}); "
        f"{sizes}{pattern}"
    )


def skipped(report: Report) -> dict[str, list[str]]:
    """For each reason, the oracles that were skipped for it."""
    reasons: dict[str, list[str]] = {}
    for oracle, why in report.skipped:
        reasons.setdefault(why, []).append(oracle)
    return reasons


def title(finding: Finding) -> str:
    """The heading for a finding: the mistake, a finding, or a hint."""
    return "The mistake:" if finding.exact and finding.kind == "mistake" else "Found:" if finding.exact else "A hint:"


def where(finding: Finding) -> str:
    """The edges of the derivation."""
    return ", ".join(finding.tags)


def diagnosis(report: Report) -> list[tuple[str, str]]:
    """What is wrong, as pairs of label and text: findings, the first wrong adjoint, conformance."""
    lines = []
    for finding in report.findings:
        place = f" ({where(finding)})" if where(finding) else ""
        lines.append((title(finding), finding.sentence + place))
        if finding.right is not None:
            lines += [("  derived ", finding.right), ("  found   ", finding.wrong or "nothing")]
        if finding.see:
            lines.append(("  see     ", finding.see))
    first = first_wrong(report)
    lines += [("first wrong on the way back:", first)] if first else []
    return lines + ([("conformance:", report.conformance.sentence)] if report.conformance else [])
