"""Which mistake is in a framework's answer? Its arrays beside ours, looked up in the dictionary of mistakes.

This does for an answer in the framework's layout, which is the mapping, what `checking.diagnosis` does for a derivation
file. What `other_forward` and `whole_arrays` recognise is set aside, and the rest is looked up again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.cells.cell import named
from lstm_ref.checking.diagnosis.known_cell import KnownCell, known_cell
from lstm_ref.checking.diagnosis.symptoms import symptoms
from lstm_ref.checking.problem import Problem, problem
from lstm_ref.checking.report import Finding
from lstm_ref.interop.conform.features import FeatureCase, LayerResult, arranged, ours
from lstm_ref.interop.layout import Layout, their_gradients
from lstm_ref.interop.layout import ours as theirs_to_ours
from lstm_ref.interop.other_forward import Answering, mended, outputs_by_path, what_it_is
from lstm_ref.interop.own_forward import decided
from lstm_ref.interop.whole_arrays import ArraysEdit, begun, handed_on
from lstm_ref.leaves import NamedArrays, paths
from lstm_ref.shapes import Outputs

MOST_WAYS = 4
"""Ways of mixing up arrays that are looked up together with two mistakes, at a few seconds each."""


def causes(given: FeatureCase, layout: Layout, weights: dict[str, Any], answer: Answering) -> tuple[Finding, ...]:
    """What is wrong with an answer for one layer in one direction without padding, the most precise finding first.

    Args:
        given: The problem.
        layout: The layout of the answer.
        weights: The problem's parameters in that layout.
        answer: What answers, also at other cotangents.

    Returns:
        Findings; none where nothing explains the answer.
    """
    inputs = {"params": weights, "state": given.initial[0]._asdict(), "xs": given.xs}
    theirs, right = answer(given, [weights]), ours(given)
    right = right._replace(params=arranged(layout, given, their_gradients, right.params))
    unit = 2.0 ** -bits(given.dtype)
    truth = paths(_of_gradients(right))
    claimed = {k: np.asarray(v, np.float64) for k, v in paths(_of_gradients(theirs)).items()}
    outputs, expected = (outputs_by_path(v.outputs) for v in (theirs, right))
    if any(v.shape != (truth | expected)[k].shape for k, v in (claimed | outputs).items()):
        return ()
    forward_is_right = not any(np.any(v) for v in _far(outputs, expected, unit).values())
    if not forward_is_right and (rest := mended(given, weights, answer, unit)) is not None:
        return (*rest.findings, *causes(rest.given, layout, weights, rest.answer))
    claim = _problem(given, layout, answer, inputs)
    known = known_cell(claim, inputs, expected if forward_is_right else outputs, _of_outputs(given.bar))
    assert known is not None  # the layout names the cell
    if forward_is_right:
        of = _Claim(known, claimed, truth, unit)
        wrong = {k: claimed[k] for k, v in of.wrong.items() if np.any(v) and np.all(np.isfinite(claimed[k]))}
        decision = decided(given, weights, answer, wrong, truth) if wrong else None
        return (*_of_claim(of, outputs), *((decision,) if decision else ()))
    found = known.found  # found by values, which need all digits of a double
    told = known.conformance().sentence if found else what_it_is(given, layout, weights, outputs, unit)
    if not told and given.dtype != np.float64:
        return ()
    finding = Finding("forward", told or known.conformance().sentence, exact=bool(told))
    if found is None or found.variant is not None:
        return (finding,)
    return (finding, *_of_claim(_Claim(known, claimed, known.right_gradients(), unit), outputs))


# ------------------------------------------------------------------------------------------------- as a claim


def _problem(given: FeatureCase, layout: Layout, answer: Answering, inputs: Any) -> Problem:
    """The answer as the claim that it is: a function of parameters, state and xs, with its gradients."""
    state, names = type(given.initial[0]), list(inputs["params"])

    def ask(inputs: Any, bar: Any) -> LayerResult:
        read = {k: np.asarray(v, given.dtype) for k, v in paths(inputs).items()}  # no array that JAX traces
        weights = {k: read[f"params.{k}"] for k in names}  # in the layout's order, which JAX does not keep
        initial = [state(**{k: read[f"state.{k}"] for k in inputs["state"]})]
        bar = given.bar if bar is None else Outputs(bar["hs"], [state(**bar["final"])])
        return answer(given._replace(initial=initial, xs=read["xs"], bar=bar), [weights])

    def mapping(inputs: Any) -> dict[str, Any]:
        return {**named(theirs_to_ours(layout, inputs["params"])), **inputs["state"], "xs": inputs["xs"]}

    return problem(
        inputs,
        forward=lambda inputs: _of_outputs(ask(inputs, None).outputs),
        backward=lambda inputs, bar: _of_gradients(ask(inputs, bar)),
        cell=layout.cell,
        mapping=mapping,
        name=layout.name,
    )


def _of_outputs(outputs: Outputs) -> dict[str, Any]:
    return {"hs": outputs.hs, "final": outputs.final[0]._asdict()}


def _of_gradients(answer: LayerResult) -> dict[str, Any]:
    """The gradients that were given, under the names of the arguments."""
    found: dict[str, Any] = {"params": answer.params and answer.params[0], "xs": answer.xs}
    if answer.initial:
        found["state"] = {k: v for k, v in answer.initial[0]._asdict().items() if v is not None}
    return {k: v for k, v in found.items() if v is not None}


def _far(given: NamedArrays, right: NamedArrays, unit: float) -> dict[str, np.ndarray]:
    """Which elements are wrong: as everywhere in the diagnosis, by more than half of the digits."""
    return {k: ~(np.abs(v - right[k]) <= unit**0.5 * np.max(np.abs(right[k]), initial=0.0)) for k, v in given.items()}


# ---------------------------------------------------------------------------------------------------- what is wrong


class _Claim(NamedTuple):
    """Gradients of a known cell beside the right ones, by path."""

    known: KnownCell
    claimed: NamedArrays
    truth: NamedArrays
    unit: float

    @property
    def wrong(self) -> dict[str, np.ndarray]:
        return _far(self.claimed, self.truth, self.unit)

    @property
    def is_right(self) -> bool:
        return not any(np.any(v) for v in self.wrong.values())

    def mistakes(self, in_pairs: bool) -> list[Finding]:
        """The entries of the dictionary that explain the whole claim."""
        truth = {k: self.truth[k] for k in self.claimed}
        return list(self.known.mistakes(self.claimed, truth, self.wrong, self.unit, in_pairs))

    def edited(self, edit: ArraysEdit) -> _Claim:
        """The claim with whole arrays left out, moved or changed, also at other cotangents."""
        problem = self.known.problem
        gradients = lambda *read: edit(paths(problem.gradients(*read)))  # noqa: E731
        known = self.known._replace(problem=replace(problem, gradients=gradients))
        return self._replace(known=known, claimed=edit(self.claimed))

    def at_zero(self) -> NamedArrays:
        """The gradients that are claimed where all cotangents are zero."""
        inputs, bars = jax.tree.map(np.copy, (self.known.problem.inputs, self.known.bars))
        return paths(self.known.problem.gradients(inputs, jax.tree.map(np.zeros_like, bars)))


def _of_claim(claim: _Claim, outputs: NamedArrays) -> Iterator[Finding]:
    if claim.is_right or not all(np.isfinite(v).all() for v in claim.claimed.values()):
        return
    offset = begun(claim.at_zero(), paths(claim.known.problem.inputs), claim.unit)
    if offset is not None:
        yield from offset.findings
        yield from _of_claim(claim.edited(offset.edit), outputs)
        return
    truth = {k: claim.truth[k] for k in claim.claimed}
    seen = list(symptoms(claim.known.problem, claim.claimed, truth, claim.wrong, outputs, claim.unit))
    if seen and seen[0].kind == "scale" and seen[0].exact:  # which explains everything
        yield from seen
        return
    found = claim.mistakes(in_pairs=False)
    if not found and not any(f.exact for f in seen):  # the quick searches first
        found = (
            list(_with_arrays_mixed_up(claim, in_pairs=False))
            or claim.mistakes(in_pairs=True)
            or list(_with_arrays_mixed_up(claim, in_pairs=True))
        )
    yield from found
    if not any(f.exact for f in found):
        yield from seen
    if not any(f.exact for f in (*found, *seen)):
        yield from claim.known.gates(claim.wrong)


def _with_arrays_mixed_up(claim: _Claim, in_pairs: bool) -> Iterator[Finding]:
    """Whole arrays that are zero or in each other's place, and what explains the rest; nothing where nothing does."""
    ways = list(handed_on(claim.claimed, [k for k, v in claim.wrong.items() if np.any(v)]))
    for mixed_up in ways if not in_pairs or len(ways) <= MOST_WAYS else ():
        rest = claim.edited(mixed_up.edit)
        found = [] if rest.is_right else rest.mistakes(in_pairs)
        if found or rest.is_right:
            yield from mixed_up.findings
            yield from found
            return
