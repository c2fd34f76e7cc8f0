"""Diagnoses a claim about one of our cells: does its forward conform, which mistake is it, which adjoints and gates are
wrong?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import named
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Conformance, Finding, NodeReport
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.leaves import Function, NamedArrays, paths
from lstm_ref.mistakes import search
from lstm_ref.mistakes.arrangement import Arrangement, arrange
from lstm_ref.mistakes.conformance import Match, match_cell, match_cell_of_loss
from lstm_ref.mistakes.dictionary import Mistake, dictionary
from lstm_ref.mistakes.guess import guess
from lstm_ref.mistakes.recurrence import backward, right_nodes
from lstm_ref.oracles import ORACLES

MOST_SECONDS = 60.0
"""Seconds of search above which no mistake is looked up: a smaller problem has the same mistakes."""


def known_cell(problem: Problem, inputs: Any, outputs: NamedArrays, cotangents: Any) -> KnownCell | None:
    """The claim as a claim about one of our cells, named by the user or recognised; otherwise None. Raises BadInput if
    the mapping does not fit."""
    if problem.cell is None:
        return _recognise_cell(problem, inputs, outputs, cotangents)
    cell = CELLS[problem.cell]
    arrays = arrange(cell, inputs, problem.mapping, paths(inputs))
    if not problem.is_loss:
        return KnownCell(problem, arrays, match_cell(cell, arrays, outputs), cotangents)
    readout = problem.readout
    if readout is None:
        return KnownCell(problem, arrays, None, cotangents)
    loss = float(next(iter(outputs.values())))
    found = match_cell_of_loss(cell, arrays, loss, lambda hs: _number(problem, readout(inputs, hs)))
    if found is None:
        return KnownCell(problem, arrays, None, cotangents)
    hs_bar = _gradient(lambda v: readout(inputs, v["hs"]), {"hs": found.states.h})
    return KnownCell(problem, arrays, found, {"hs": hs_bar["hs"]})


def _recognise_cell(problem: Problem, inputs: Any, outputs: NamedArrays, cotangents: Any) -> KnownCell | None:
    """A cell identified by its values, which the outputs are states of; the user did not name it."""
    if problem.is_loss:
        return None
    own = {path: v for path, v in paths(inputs).items() if path.split(".")[0] not in problem.nodes}
    found = guess(own, outputs)
    return (
        None
        if found is None
        else KnownCell(replace(problem, cell=found.cell.name), found.layout, found, cotangents, is_told=False)
    )


def _number(problem: Problem, value: Any) -> float:
    if np.shape(value) != ():
        raise BadInput(f"{problem.name}: readout(inputs, hs) must be one number, got shape {np.shape(value)}")
    return float(value)


def _gradient(function: Function, at: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gradient by the first oracle that applies; each of them is right to more than half of a float's digits."""
    for name in ("reverse", "complex", "balls", "differences"):
        try:
            found = ORACLES[name](function, at, np.ones(()))
        except CannotEvaluate:
            continue
        return {k: np.asarray(v, dtype=np.float64) for k, v in found.gradients.items()}
    raise BadInput("readout: no oracle could compute its gradient")


class KnownCell(NamedTuple):
    """The claim, the arrays in our layout, and how the outputs relate to the states of the cell."""

    problem: Problem
    layout: Arrangement
    found: Match | None
    bars: Any
    """Cotangents of the outputs that `found` describes."""
    is_told: bool = True
    """Whether the author names the cell; otherwise it was recognised by its values."""

    def conformance(self) -> Conformance:
        """A statement whether the forward is the cell, or which variant of it."""
        cell, found = str(self.problem.cell), self.found
        if found is None:
            return Conformance(cell, False, self._strange(cell))
        if not self.is_told:
            return Conformance(cell, True, f"the forward is {cell}, to all digits (recognised by its values)")
        order = ""
        if found.gates is not None:
            letters = CELLS[cell].gates
            order = ", ".join(letters[found.gates.index(k)] for k in range(len(found.gates)))
        if found.variant is None and not order:
            return Conformance(cell, True, f"the forward is {cell}, to all digits")
        what = found.variant or f"{cell} with its gate blocks in the order {order}"
        text = f"the forward is not {cell} as mapped, but: {what}"
        if found.variant and order:
            text += f"; its gate blocks stand in the order {order}"
        return Conformance(cell, False, text, what)

    def _strange(self, cell: str) -> str:
        if self.problem.is_loss and self.problem.readout is None:
            return f"the function is a loss: give `readout` to find out whether its recurrence is {cell}"
        what = "readout of its outputs is not the loss" if self.problem.is_loss else "states are not the outputs"
        return f"the forward is neither {cell} nor a known variant of it: its {what}"

    def mistakes(
        self, claimed: NamedArrays, truth: NamedArrays, wrong: NamedArrays, unit: float, in_pairs: bool = True
    ) -> Iterator[Finding]:
        """The entries of the dictionary of mistakes that explain the claim to all digits, alone or `in_pairs`.

        An entry explains errors on the way through the cell. Errors elsewhere, where the cell has no part (a readout's
        weights), are named with it.
        """
        if self.found is None or self.found.variant is not None:
            return
        entries = dictionary(str(self.problem.cell))
        started = time.perf_counter()
        full = self._whole(claimed, truth)
        expected = (time.perf_counter() - started) * len(entries.mistakes(full.recurrence.T))
        if expected > MOST_SECONDS:
            text = f"the dictionary was not searched: that would take {expected:.0f} s here; check a smaller problem"
            yield Finding("not searched", text)
            return
        besides = self._besides(full, wrong)
        found = search.single(search.tried(entries, self._in_layout, full), full, unit)
        if found:
            yield _finding(found[0], besides)
            if found[1:]:
                also = "; ".join(m.sentence for m in found[1:4])
                yield Finding("the same", f"the same on this problem: {also}", exact=not besides)
            return
        if not in_pairs:
            return
        looks, bars = [full], self._first_step_only()
        if bars is not None:
            first = self._look(bars, self.problem.backward(bars).outputs())
            if any(map(np.any, first.claimed.values())):  # a loop that does not come to this step tells nothing here
                looks.insert(0, first)
        both = search.pair(entries, self._in_layout, looks, unit)
        if both is not None:
            yield _finding(both, besides)

    def right_gradients(self) -> NamedArrays:
        """The gradients of the forward as it was found, with the gates in its order, by our own backward pass."""
        return self._look(self.bars, {}).truth

    def _look(self, bars: Any, claimed: NamedArrays) -> search.Look:
        """The claim at these cotangents of the outputs, beside the right gradients, which our own backward pass
        computes."""
        assert self.found is not None
        r = self.found.recurrence(paths(bars))
        truth = self._in_layout(backward(r, r.tapes()))
        return search.Look(r, {k: np.asarray(v, np.float64) for k, v in claimed.items() if k in truth}, truth)

    def _whole(self, claimed: NamedArrays, truth: NamedArrays) -> search.Look:
        """The claim at its own cotangents, without the parts of a loss that reach an input other than through the cell:
        a penalty on the input's size, or a readout that reads it too."""
        look = self._look(self.bars, claimed)
        if not self.problem.is_loss:
            return look
        return look._replace(claimed={k: v - (truth[k] - look.truth[k]) for k, v in look.claimed.items()})

    def _besides(self, look: search.Look, wrong: NamedArrays) -> str:
        """In words, the errors that the dictionary cannot explain: "this explains W, b; V is wrong besides"."""
        known = {k: np.isfinite(v) for k, v in look.truth.items()}
        own = {k: mask for k, mask in wrong.items() if k.split(".")[0] not in self.problem.nodes}
        seen = [k for k, mask in own.items() if np.any(mask & known.get(k, np.zeros((), bool)))]
        besides = [k for k, mask in own.items() if np.any(mask & ~known.get(k, np.zeros((), bool)))]
        are = "is" if len(besides) == 1 else "are"
        return f"this explains {', '.join(seen)}; {', '.join(besides)} {are} wrong besides" if besides else ""

    def _first_step_only(self) -> Any:
        """The cotangents with all but those of the first step's state set to zero; None if that state is not an
        output."""
        assert self.found is not None
        if self.problem.is_loss or self.layout.xs.shape[0] == 1:
            return None
        leaves = paths(self.bars)
        kept = {id(v): (v * (self.found.step_of(path) == 1)).astype(v.dtype) for path, v in leaves.items()}
        if not any(np.any(v) for v in kept.values()):
            return None
        return jax.tree.map(lambda v: kept[id(v)], self.bars)

    def _in_layout(self, ours: Any) -> NamedArrays:
        if self.found is not None and self.found.gates is not None:
            back = np.argsort(self.found.gates)
            ours = ours._replace(params=jax.tree.map(lambda v: _permute_blocks(v, back), ours.params))
        return self.layout.gradients(ours)

    def gates(self, wrong: NamedArrays) -> Iterator[Finding]:
        """A finding on the gates that are wrong in some parameter, if others are right in every parameter."""
        gates = CELLS[str(self.problem.cell)].gates
        params, H = self.layout.params, self.layout.initial.h.shape[-1]
        if not gates or any(v.shape[-1] != len(gates) * H for v in jax.tree.leaves(params)):
            return
        flat = np.concatenate([np.ravel(wrong.get(p, np.zeros(s))).astype(bool) for p, s in self.layout.shapes.items()])
        bad = dict.fromkeys(gates, False)
        for name, value in named(params).items():
            at, come_from, _ = self.layout.sources[name]
            mask = np.zeros(value.size, bool)
            mask[at] = flat[come_from]
            for gate, block in zip(gates, np.split(mask.reshape(value.shape), len(gates), -1), strict=True):
                bad[gate] = bad[gate] or bool(block.any())
        wrong_gates, right_gates = [k for k in gates if bad[k]], [k for k in gates if not bad[k]]
        if wrong_gates and right_gates:
            where = {"ifg": "c", "o": "o, from h"}.get("".join(wrong_gates), " and ".join(wrong_gates) + " alone")
            yield Finding(
                "gates",
                f"wrong in the gates {', '.join(wrong_gates)}, right in {', '.join(right_gates)}: the fault lies on "
                f"the path through {where}",
            )

    def adjoints(self, unit: float) -> tuple[NodeReport, ...]:
        """Reports on the author's adjoints, against those of the right backward pass. Raises BadInput if they do not
        fit."""
        if self.problem.adjoints is None or self.found is None or self.found.variant is not None:
            return ()
        r = self.found.recurrence(paths(self.bars))
        read = (self.problem.inputs,) if self.problem.is_loss else (self.problem.inputs, self.bars)
        given = self.problem.adjoints(*jax.tree.map(np.copy, read))
        if not isinstance(given, Mapping):
            raise BadInput(f"{self.problem.name}: adjoints must return a dict of arrays, got {type(given).__name__}")
        known = _with_gates(right_nodes(r), CELLS[str(self.problem.cell)].gates)
        for name in given:
            if name not in known:
                raise BadInput(
                    f"{self.problem.name}: adjoints has the unknown name {name!r}; {r.cell.name} has {', '.join(known)}"
                )
        return tuple(self._adjoint(name, given[name], known[name], unit) for name in known if name in given)

    def _adjoint(self, name: str, given: Any, right: np.ndarray, unit: float) -> NodeReport:
        given = np.asarray(given, dtype=np.float64)
        orders = [p for p in itertools.permutations(range(right.ndim)) if right.transpose(p).shape == given.shape]
        if not orders:
            raise BadInput(
                f"{self.problem.name}: the adjoint of {name} must have shape {right.shape} in some order of its axes, "
                f"got {given.shape}"
            )
        size = float(np.max(np.abs(right), initial=0.0)) or 1.0
        errors = min((np.abs(given.transpose(np.argsort(p)) - right) / size for p in orders), key=np.max)
        by_step = np.max(errors.reshape(len(right), -1), axis=1, initial=0.0)
        # Half of the digits, as in the whole diagnosis: the error of a wrong adjoint is far larger.
        return NodeReport(name, tuple(map(float, by_step)), tuple(bool(e > unit**0.5) for e in by_step))


def _with_gates(nodes: Any, gates: str) -> dict[str, np.ndarray]:
    """The named values by name, preceded by the gates' blocks of the pre-activations as a_i, a_f …"""
    known = nodes._asdict()
    if gates:
        blocks = zip(gates, np.split(known["a"], len(gates), -1), strict=True)
        known = {f"a_{gate}": block for gate, block in blocks} | known
    return known


def _permute_blocks(v: np.ndarray, order: Any) -> np.ndarray:
    blocks = np.split(v, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def _finding(mistake: Mistake, besides: str) -> Finding:
    return Finding(
        "mistake",
        f"{mistake.sentence}; {besides}" if besides else mistake.sentence,
        exact=not besides,
        tags=tuple(dict.fromkeys(e.tag for e in mistake.edits)) or (mistake.tag,),
        right=mistake.right,
        wrong=mistake.wrong,
        place=mistake.place,
    )
