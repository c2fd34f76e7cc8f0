"""What is wrong with a wrong gradient: the most precise answer first, and each only where it explains what was found.

1. A known cell: is the forward that cell, and which entry of the dictionary of mistakes gives the claim to all digits?
2. Any function: simple relations to the right gradient (`checking.symptoms`): a factor, a transpose, a block's place.
3. Where neither explains it: on which easier problems the claim is right, and which gates it is wrong in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.checking.floor import bits
from lstm_ref.checking.problem import Problem, in_own_arithmetic, paths
from lstm_ref.checking.report import Conformance, Finding, NodeReport
from lstm_ref.checking.symptoms import symptoms, when_right
from lstm_ref.mistakes import search
from lstm_ref.mistakes.conformance import Conformity, conformity
from lstm_ref.mistakes.dictionary import Mistake, dictionary
from lstm_ref.mistakes.layout import Layout, layout
from lstm_ref.mistakes.recurrence import backward

Named = Mapping[str, np.ndarray]


class Diagnosis(NamedTuple):
    """What to add to the report."""

    findings: tuple[Finding, ...] = ()
    conformance: Conformance | None = None
    nodes: tuple[NodeReport, ...] = ()
    """Of adjoints that were given for a known cell."""


class Evidence(NamedTuple):
    """What the check has found."""

    problem: Problem
    cotangents: Any
    claimed: Named
    truth: Named
    wrong: Named
    """Which elements are wrong, by path."""


def diagnose(evidence: Evidence, is_right: Callable[[Problem], bool]) -> Diagnosis:
    """The diagnosis of a claim; `is_right` checks another problem. Raises BadInput where a mapping does not fit."""
    problem = evidence.problem
    inputs = jax.tree.map(lambda v: np.array(v, dtype=np.float64), problem.inputs)
    outputs = paths(in_own_arithmetic(problem.function, inputs)(inputs))
    any_wrong = any(np.any(mask) for mask in evidence.wrong.values())
    known = _known(evidence, inputs, outputs)
    conformance = None if known is None else known.conformance
    nodes = () if known is None else tuple(known.nodes())
    if not any_wrong:
        return Diagnosis((), conformance, nodes)
    unit = 2.0 ** -min(bits(np.result_type(v)) for v in paths(problem.inputs).values())
    findings = [] if known is None else list(known.mistakes(unit))
    findings += symptoms(problem, evidence.claimed, evidence.truth, evidence.wrong, outputs, unit)
    if not any(f.exact for f in findings):
        findings += [] if known is None else known.gates()
        findings += when_right(problem, is_right)
    return Diagnosis(tuple(findings), conformance, nodes)


# ------------------------------------------------------------------------------------------------ a known cell


def _known(evidence: Evidence, inputs: Any, outputs: Named) -> _KnownCell | None:
    problem = evidence.problem
    if problem.cell is None:
        return None
    cell = CELLS[problem.cell]
    shape = layout(cell, inputs, problem.mapping, paths(inputs))
    found = None if problem.is_loss else conformity(cell, shape, outputs)
    return _KnownCell(evidence, shape, found)


class _KnownCell(NamedTuple):
    """A claim about a cell of ours."""

    evidence: Evidence
    layout: Layout
    found: Conformity | None

    @property
    def conformance(self) -> Conformance:
        cell, found = str(self.evidence.problem.cell), self.found
        if self.evidence.problem.is_loss:
            return Conformance(cell, False, f"the function is a loss: whether its recurrence is {cell} cannot be told")
        if found is None:
            text = (
                f"the forward is not {cell}, nor a variant of it that is known: its outputs are not this cell's states"
            )
            return Conformance(cell, False, text)
        order = ""
        if found.gates is not None:
            letters = "ifgo" if len(found.gates) == 4 else "0123"
            order = "its gate blocks stand in the order " + ", ".join(
                letters[found.gates.index(k)] for k in range(len(found.gates))
            )
        if found.variant is None and not order:
            return Conformance(cell, True, f"the forward is {cell}, to all digits")
        what = f"{cell} with {found.variant}" if found.variant else cell
        text = f"the forward is not {cell} as mapped, but {what}" + (f"; {order}" if order else "")
        return Conformance(cell, False, text, found.variant or order)

    def mistakes(self, unit: float) -> Iterator[Finding]:
        """Entries of the dictionary that explain the claim to all digits, alone or in pairs."""
        if self.found is None or self.found.variant is not None:
            return
        entries, problem = dictionary(str(self.evidence.problem.cell)), self.evidence.problem
        full = self._look(self.evidence.cotangents, self.evidence.claimed)
        found = search.single(entries, self._in_layout, full, unit)
        if found:
            first, *rest = found
            yield _finding(first)
            if rest:
                also = "; ".join(m.sentence for m in rest[:4])
                yield Finding("mistake", f"the same on this problem: {also}")
            return
        looks, bars = [full], self._at_the_first_step()
        if bars is not None:
            claim = in_own_arithmetic(problem.gradients, problem.inputs, bars)
            looks.insert(0, self._look(bars, paths(claim(problem.inputs, bars))))
        both = search.pair(entries, self._in_layout, looks, unit)
        if both is not None:
            yield _finding(both)

    def _look(self, bars: Any, claimed: Named) -> search.Look:
        """The claim at these cotangents of the outputs, beside the truth, which is our own backward pass."""
        assert self.found is not None
        r = self.found.recurrence(paths(bars))
        truth = self._in_layout(backward(r, r.tapes()))
        return search.Look(r, {k: np.asarray(v, np.float64) for k, v in claimed.items() if k in truth}, truth)

    def _at_the_first_step(self) -> Any:
        """The cotangents with all set to zero but those of the first step's state; None if it is no output."""
        assert self.found is not None
        leaves = paths(self.evidence.cotangents)
        kept = {id(v): v * (self.found.step_of(path) == 1) for path, v in leaves.items()}
        if not any(np.any(v) for v in kept.values()) or self.layout.xs.shape[0] == 1:
            return None
        return jax.tree.map(lambda v: kept[id(v)], self.evidence.cotangents)

    def _in_layout(self, ours: Any) -> Named:
        if self.found is not None and self.found.gates is not None:
            back = np.argsort(self.found.gates)
            ours = ours._replace(params=jax.tree.map(lambda v: _permuted(v, back), ours.params))
        return self.layout.gradients(ours)

    def gates(self) -> Iterator[Finding]:
        """Which gates are wrong in every parameter, and which are right."""
        wrong = {path: np.asarray(mask, dtype=np.float64) for path, mask in self.evidence.wrong.items()}
        blocks: dict[str, bool] = {}
        letters = "ifgo"
        H = self.layout.initial.h.shape[-1]
        for name, (at, come_from, _) in self.layout.sources.items():
            if name not in self.layout.params._fields:
                continue
            flat = np.concatenate([np.ravel(wrong.get(p, np.zeros(s))) for p, s in self.layout.shapes.items()])
            value = getattr(self.layout.params, name)
            if value.shape[-1] != 4 * H:
                return
            mask = np.zeros(value.size, bool)
            mask[at] = flat[come_from] > 0
            for k, block in enumerate(np.split(mask.reshape(value.shape), 4, axis=-1)):
                blocks[letters[k]] = blocks.get(letters[k], False) or bool(block.any())
        bad, good = [k for k, v in blocks.items() if v], [k for k, v in blocks.items() if not v]
        if bad and good:
            where = _PATHS.get("".join(bad), f"the fault lies on the path through {', '.join(bad)} alone")
            yield Finding("gates", f"wrong in the gates {', '.join(bad)}, right in {', '.join(good)}: {where}")

    def nodes(self) -> Iterator[NodeReport]:
        """The adjoints that were given, beside those of the right backward pass."""
        return iter(())


_PATHS = {"ifg": "the fault lies on the path through c", "o": "the fault lies on the path from h through o"}


def _permuted(v: np.ndarray, order: Any) -> np.ndarray:
    blocks = np.split(v, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def _finding(mistake: Mistake) -> Finding:
    return Finding(
        "mistake",
        mistake.sentence,
        exact=True,
        tags=tuple(dict.fromkeys(e.tag for e in mistake.edits)) or (mistake.tag,),
        right=mistake.right,
        wrong=mistake.wrong,
        place=mistake.place,
    )
