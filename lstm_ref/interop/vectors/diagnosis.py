"""Explains wrong results, as `lstm-ref check` does: which mistake it is, and which adjoint is wrong first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.cells.cell import named
from lstm_ref.checking.diagnosis.first_wrong import first_wrong_of
from lstm_ref.checking.diagnosis.known_cell import KnownCell
from lstm_ref.checking.diagnosis.symptoms import symptoms
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Finding, NodeReport
from lstm_ref.errors import BadInput
from lstm_ref.interop.vectors.cases import Case
from lstm_ref.leaves import NamedArrays, paths
from lstm_ref.mistakes.arrangement import arrange
from lstm_ref.mistakes.conformance import match_cell
from lstm_ref.padding import keep_of


def diagnosis(case: Case, right: NamedArrays, given: NamedArrays, wrong: NamedArrays) -> Iterator[str]:
    """Sentences, the most precise first. The arguments are keyed by array name: right values, given values, and which
    of the given elements are wrong."""
    yield from map(_sentence, _of_gradients(case, right, given, wrong))
    for role, what, reverse in (("adjoint", "on the way back", False), ("node", "on the way", True)):
        nodes = [name for name in right if name.startswith(f"{role}.") and name in wrong]
        steps = [NodeReport(n, (), _by_step(case, wrong[n])) for n in nodes]
        first = first_wrong_of(tuple(steps[::-1] if reverse else steps), reverse)[0] if steps else None
        if first is not None:
            at = f" at step {first.step}" if first.steps > 1 else ""
            yield f"first wrong {what}: {first.node}{at}"


def _by_step(case: Case, wrong: np.ndarray) -> tuple[bool, ...]:
    """For each step, whether it has a wrong element."""
    steps = wrong if case.name.startswith("time/") else wrong[None]
    return tuple(bool(step.any()) for step in steps)


def _of_gradients(case: Case, right: NamedArrays, given: NamedArrays, wrong: NamedArrays) -> list[Finding]:
    def part(arrays: NamedArrays, role: str) -> dict[str, np.ndarray]:
        own = {k.removeprefix(f"{role}."): v for k, v in arrays.items() if k.startswith(f"{role}.")}
        return {k: v.astype(np.float64) if v.dtype != bool else v for k, v in own.items()}

    claimed, truth, masks = (part(arrays, "gradient") for arrays in (given, right, wrong))
    forward_is_wrong = any(np.any(v) for v in part(wrong, "output").values())
    outputs = part(right, "output") | (part(given, "output") if forward_is_wrong else {})
    if not all(np.isfinite(v).all() for v in (*claimed.values(), *outputs.values())):
        return []
    unit = max((2.0 ** -bits(v.dtype) for v in given.values()), default=1.0)
    # As everywhere in the diagnosis: a wrong term leaves fewer than half of the digits.
    far = [k for k, v in claimed.items() if np.max(np.abs(v - truth[k])) > unit**0.5 * np.max(np.abs(truth[k]))]
    # The function is a loss, the sum of cotangents times outputs, because the gradients belong to these cotangents.
    problem = Problem(case.name, case.inputs, lambda inputs: inputs, lambda inputs, bar: inputs, is_loss=True)
    known = _known_cell(case, problem, outputs)
    findings: list[Finding] = []
    if known is not None and forward_is_wrong:
        about = known.conformance()
        findings += [] if about.conforms or known.found is None else [Finding("forward", about.sentence, exact=True)]
    if not far:
        return findings
    seen = list(symptoms(problem, claimed, truth, masks, part(right, "output"), unit))
    if known is not None and not (seen and seen[0].kind == "scale" and seen[0].exact):  # which explains everything
        findings += known.mistakes(claimed, truth, masks, unit)
    findings += seen
    if known is not None and not any(f.exact for f in findings):
        findings += known.gates(masks)
    return findings


def _known_cell(case: Case, problem: Problem, outputs: NamedArrays) -> KnownCell | None:
    """The results as a claim about the cell; None for a layer, and for a cell that no layout describes."""
    cell = case.cell
    if cell is None:
        return None

    def mapping(inputs: Any) -> dict[str, Any]:
        xs = inputs["xs"] if "xs" in inputs else inputs["x"][None]
        return {**named(inputs["params"]), **named(inputs["initial" if "xs" in inputs else "prev"]), "xs": xs}

    bars = paths(case.cotangents)
    if "hs" in bars:  # outputs at padding are not states
        keep = keep_of(len(bars["hs"]), case.constants["lengths"])[..., 0]
        outputs, bars = (v | {"hs": v["hs"][keep]} for v in (dict(outputs), bars))
    try:
        arrays = arrange(cell, case.inputs, mapping, paths(case.inputs))
    except BadInput:  # the cell's input consists of several arrays
        return None
    of_cell = Problem(**{**vars(problem), "cell": cell.name})
    return KnownCell(of_cell, arrays, match_cell(cell, arrays, outputs), bars)


def _sentence(finding: Finding) -> str:
    tags = ", ".join(filter(None, (" ".join(finding.tags), finding.see and f"see {finding.see}")))
    return finding.sentence + (f" ({tags})" if tags else "")
