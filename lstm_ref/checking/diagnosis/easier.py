"""Finds easier problems on which a wrong claim is right: fewer time steps, one row of the batch, an input set to zero.

A claim counts as right there only if it could be wrong there: if the true gradients of all wrong inputs vanish, the
easier problem shows nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import WRONG, Finding, Report
from lstm_ref.errors import LstmRefError
from lstm_ref.leaves import NamedArrays, paths
from lstm_ref.mistakes.source import CANNOT

Check = Callable[[Problem], Report]
MANY_ROWS = 8
"""Rows above which a batch is not taken apart: each row is a check of its own."""
MANY_SLICES = 300
"""Slices of a sequence above which the ends of its rows are not searched: each slice takes one run of the forward."""

MANY_INPUTS = 24
"""Inputs above which no more are set to zero: each is a check of its own."""


def when_right(problem: Problem, wrong: NamedArrays, check: Check) -> Iterator[Finding]:
    """Findings on the easier problems on which the claim is right. `wrong` holds the mask of wrong elements by path."""
    names = frozenset(k for k, mask in wrong.items() if np.any(mask) and k.split(".")[0] not in problem.nodes)
    easier_check = _EasierCheck(check, names)
    time = _first_steps(problem)
    ends = {} if time is None else _ends(problem, time.name, time.axis)
    if time is not None:
        yield from _over_time(time, ends, time.name in wrong and time.name not in names, easier_check)
    yield from _over_rows(problem, ends, easier_check)
    leaves = {k: v for k, v in paths(problem.inputs).items() if k.split(".")[0] not in problem.nodes and np.any(v)}
    if len(leaves) > MANY_INPUTS:
        few = f"the first {MANY_INPUTS} of {len(leaves)} inputs"
        yield Finding("not searched", f"only {few} were set to zero, to see whether the claim is right there")
    for name, leaf in itertools.islice(leaves.items(), MANY_INPUTS):
        if easier_check.is_right(replace(problem, inputs=_with(problem.inputs, name, np.zeros_like(leaf)))):
            yield Finding("zero", f"right when {name} is zero: the error vanishes with it")


class _EasierCheck(NamedTuple):
    """Checks easier problems, for a claim that is wrong in the gradients of the inputs `names`."""

    check: Check
    names: frozenset[str]

    def report(self, problem: Problem) -> Report | None:
        """The report on an easier problem; None if the claim cannot be checked there, because its code rejects the
        inputs."""
        try:
            return self.check(problem)
        except (LstmRefError, *CANNOT):
            return None

    def is_right(self, problem: Problem) -> bool | None:
        """Whether the claim is right; None if undecided, or if the true gradients of all wrong inputs vanish."""
        report = self.report(problem)
        if report is None or report.verdict == WRONG:
            return None if report is None else False
        return True if self.tells(report) else None

    def tells(self, report: Report) -> bool:
        """Whether the claim is right, and the true gradient of some wrong input does not vanish here."""
        return report.right and any(one.zeros < one.elements for one in report.inputs if one.name in self.names)


class _Time(NamedTuple):
    """An input that is a sequence in time."""

    name: str
    axis: int
    steps: int
    first: Callable[[int], Problem]
    """Makes the problem of the first k steps."""
    shorter: Callable[[int], Problem]
    """Makes the problem of a sequence that ends after k steps; `first` may mask the later ones instead."""


def _over_time(
    time: _Time, ends: Mapping[str, int], is_sequence_right: bool, easier_check: _EasierCheck
) -> Iterator[Finding]:
    """A finding on the largest number of steps for which the claim is right. If a row of the batch ends there, the
    cause is not a truncation."""
    at_one = easier_check.report(time.first(1))
    if at_one is not None and at_one.verdict == WRONG:
        yield _wrong_at_one(time, easier_check, at_one)
    if at_one is None or not easier_check.tells(at_one):
        return
    right = 1
    while right + 1 < time.steps and easier_check.is_right(time.first(right + 1)):
        right += 1
    beyond = easier_check.report(time.first(right + 1))
    if beyond is None or beyond.verdict != WRONG:
        return  # not wrong there either, or undecided: no limit to report
    ended = ", ".join(row for row, steps in ends.items() if steps == right)
    if ended:
        kind, why = "ends", f"{ended} ends there: look at how the steps after the end of a row are treated"
    elif right == 1 and is_sequence_right:
        kind = "recurrence"
        why = (
            f"the gradient of {time.name} is right at every step, so look at how the steps' contributions are computed "
            "or summed"
        )
    elif right == 1:
        kind, why = "recurrence", "the wrong or missing term passes from step to step"
    else:
        kind, why = "truncation", _cut(time, right, beyond)
    steps, then = ("one time step", "two") if right == 1 else (f"up to {right} time steps", f"{right + 1}")
    yield Finding(kind, f"right for {steps}, wrong from {then} on: {why}".replace("right for up", "right up"))


def _wrong_at_one(time: _Time, easier_check: _EasierCheck, report: Report) -> Finding:
    """A finding for a claim that is wrong for one step. The mistake lies between steps if only some of the gradients
    that are wrong for more steps are wrong here (such as the initial state's, which the first step hands back), or if
    the claim is right where there are no later steps (a backward scan in the wrong order goes on into them)."""
    if easier_check.is_right(time.shorter(1)):
        text = "right for a sequence of one time step, but wrong for the first step of a longer one"
        return Finding("recurrence", f"{text}: look at the order of the steps, and at what passes between them")
    wrong = [one.name for one in report.inputs if one.name in easier_check.names and not one.right]
    later = [
        one.name for one in report.inputs if one.name in easier_check.names and one.right and one.zeros < one.elements
    ]
    if wrong and time.name in later:
        text = f"for one time step wrong only in {', '.join(wrong)}, from two on in {', '.join(later)} too"
        return Finding("recurrence", f"{text}: the wrong or missing term passes from step to step")
    return Finding("time", "wrong for one time step already: the mistake lies within a step")


def _cut(time: _Time, right: int, beyond: Report) -> str:
    """In words, how the gradient of one more step is wrong: cut off, if the error is in the gradient of the earliest
    steps."""
    pattern = next((one.pattern or "" for one in beyond.inputs if one.name == time.name), None)
    if pattern is None:
        return f"perhaps it is cut off after {right}"
    if pattern.startswith(f"axis {time.axis}: right from index"):
        return f"it is cut off after {right}"
    return f"the term that step {right + 1} adds is wrong or missing"


def _ends(problem: Problem, name: str, time: int) -> dict[str, int]:
    """For each row of a sequence that ends early, its number of steps: "row 1 of x's axis 1" -> 2. Later steps are
    padding, which changes no output. `time` is the sequence's time axis."""
    leaf = np.asarray(paths(problem.inputs)[name])
    steps, others = leaf.shape[time], [a for a in range(leaf.ndim) if a != time]
    if steps * sum(leaf.shape[a] for a in others) > MANY_SLICES:
        return {}
    run = problem.forward.run

    def outputs(v: np.ndarray) -> list[np.ndarray]:
        return list(paths(run(jax.tree.map(np.copy, _with(problem.inputs, name, v)))).values())

    found: dict[str, int] = {}
    try:
        full = outputs(leaf)
        for axis, row in ((a, row) for a in others for row in range(leaf.shape[a])):
            for step in reversed(range(steps)):
                at: list[Any] = [slice(None)] * leaf.ndim
                at[time], at[axis] = step, row
                moved = np.array(leaf)
                moved[tuple(at)] = 1.25 * moved[tuple(at)] + np.asarray(0.125, leaf.dtype)
                if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(outputs(moved), full, strict=True)):
                    if step + 1 < steps:
                        found[f"row {row} of {name}'s axis {axis}"] = step + 1
                    break
    except CANNOT:  # the user's code may reject some numbers
        return {}
    return found


def _over_rows(problem: Problem, ends: Mapping[str, int], easier_check: _EasierCheck) -> Iterator[Finding]:
    """Findings on the rows of the batch that are right by themselves, if only some are. Rows lie along an output axis
    that is as long as one of the first two axes of a three-dimensional input."""
    full = _outputs(problem)
    rows = {np.shape(v)[a] for v in paths(problem.inputs).values() if np.ndim(v) == 3 for a in (0, 1)}
    if problem.is_loss or full is None:
        return
    for size in sorted(rows - {1}):
        axes = {p: next((a for a in range(v.ndim - 1) if v.shape[a] == size), None) for p, v in full.items()}
        if all(a is None for a in axes.values()) or size > MANY_ROWS or not _are_rows(problem, size, axes, full):
            continue
        ended = ends or _ends_of_rows(problem, size)
        right = [easier_check.is_right(_masked(problem, axes, full, slice(r, r + 1))) for r in range(size)]
        if True in right and False in right:
            which = ", ".join(str(r) for r, ok in enumerate(right) if ok)
            early = any(row.startswith(f"row {r} of ") for r, ok in enumerate(right) if ok is False for row in ended)
            why = "the others end early" if early else "rows are mixed up, or left out"
            yield Finding("batch", f"right for row {which} of the batch alone, of {size}: {why}")


def _ends_of_rows(problem: Problem, size: int) -> dict[str, int]:
    """By row, where it ends, for the sequences of a batch of this size whose time axis was not found by shortening."""
    found: dict[str, int] = {}
    for name, v in paths(problem.inputs).items():
        if np.ndim(v) == 3 and size in np.shape(v)[:2]:
            found |= _ends(problem, name, 1 - np.shape(v).index(size))
    return found


def _are_rows(problem: Problem, size: int, axes: Mapping[str, int | None], full: NamedArrays) -> bool:
    """Whether slices along axes of this length are rows of a batch: the first and the last do not affect the others, as
    steps in time would."""
    for r, others in ((0, slice(1, None)), (-1, slice(-1))):
        inputs = problem.inputs
        for name, v in paths(inputs).items():
            if np.ndim(v) == 3 and size in v.shape[:2]:
                moved = np.array(v)
                moved[(slice(None),) * v.shape.index(size) + (r,)] *= 1.25
                inputs = _with(inputs, name, moved)
        found = _outputs(replace(problem, inputs=inputs))
        if found is None or found.keys() != full.keys():
            return False
        for path, axis in axes.items():
            rest = (slice(None),) * (axis or 0) + (others,)
            if axis is not None and not np.allclose(found[path][rest], full[path][rest]):
                return False
    return True


def _first_steps(problem: Problem) -> _Time | None:
    """The sequence among the inputs and the problem of its first k steps; None if no axis behaves like time.

    An axis of an input is time if the function accepts the input shortened along it, and if the outputs of the
    remaining steps do not change. If the outputs are arrays, the later ones are masked, so that the code still sees all
    steps. A loss is taken of the shortened input, provided that its slices interact (the rows of a batch each add a
    loss of their own).
    """
    leaves = paths(problem.inputs)
    probes = [n for n in leaves if n.split(".")[0] in problem.nodes]
    candidates = [(n, axis) for n, v in leaves.items() if n not in probes and np.ndim(v) >= 3 for axis in (0, 1)]
    if not candidates:
        candidates = [(n, 0) for n, v in leaves.items() if n not in probes and n.split(".")[-1].lower() in ("x", "xs")]
    full = _outputs(problem)
    for name, axis in candidates:
        T = leaves[name].shape[axis]
        if T < 2 or any(leaves[n].shape[0] != T for n in probes):
            continue

        def shorter(k: int, name: str = name, axis: int = axis) -> Problem:
            inputs = _with(problem.inputs, name, np.take(leaves[name], range(k), axis))
            for probe in probes:
                inputs = _with(inputs, probe, leaves[probe][:k])
            return replace(problem, inputs=inputs)

        cut = _outputs(shorter(T - 1))
        if cut is None or full is None or cut.keys() != full.keys():
            continue
        if problem.is_loss:
            if _act_on_one_another(problem, name, axis):
                return _Time(name, axis, T, shorter, shorter)
            continue
        axes = {p: _time_axis(cut[p], full[p]) for p in full}
        late = _outputs(replace(problem, inputs=_with(problem.inputs, name, np.take(leaves[name], range(1, T), axis))))
        if late is not None and any(_is_end(late[p], full[p], a) for p, a in axes.items()):
            continue  # earlier slices do not affect later ones: rows of a batch, not steps
        if any(a is not None for a in axes.values()):
            # The closure is returned at once.
            return _Time(name, axis, T, lambda k: _masked(problem, axes, full, slice(k)), shorter)  # noqa: B023
    return None


def _act_on_one_another(problem: Problem, name: str, axis: int) -> bool:
    """Whether a loss is not a sum of a term of the input's first slice along this axis and a term of the rest."""
    leaf = paths(problem.inputs)[name]
    first: list[Any] = [slice(None)] * leaf.ndim
    first[axis] = 0
    rest = [*first]
    rest[axis] = slice(1, None)
    values = []
    for which in ((), (first,), (rest,), (first, rest)):
        moved = np.array(leaf)
        for at in which:
            moved[tuple(at)] *= np.asarray(1.25, moved.dtype)
        found = _outputs(replace(problem, inputs=_with(problem.inputs, name, moved)))
        if found is None:
            return False
        values.append(float(next(iter(found.values()))))
    none, one, other, both = values
    digits = float(np.finfo(np.result_type(leaf, np.float32)).eps) ** 0.75
    return abs(both - one - other + none) > digits * max(map(abs, values))


def _masked(problem: Problem, axes: Mapping[str, int | None], full: NamedArrays, part: slice) -> Problem:
    """The problem of some outputs along these axes: all other outputs, and their cotangents, are multiplied by zero."""
    masks = {}
    for path, axis in axes.items():
        mask = np.zeros_like(full[path])
        if axis is not None:
            mask[(slice(None),) * axis + (part,)] = 1
        masks[path] = mask

    def masked(outputs: Any) -> Any:
        in_order = iter([masks[path] for path in _paths_of(outputs)])
        return jax.tree.map(lambda v: v * next(in_order), outputs)

    function, gradients, rule_outputs = problem.function, problem.gradients, problem.rule_outputs
    return replace(
        problem,
        function=lambda inputs: masked(function(inputs)),
        gradients=lambda inputs, bars: gradients(inputs, masked(bars)),
        rule_outputs=rule_outputs and (lambda inputs: masked(rule_outputs(inputs))),
    )


def _paths_of(tree: Any) -> list[str]:
    """Paths in the order in which `jax.tree.map` visits the leaves."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in flat]


def _outputs(problem: Problem) -> NamedArrays | None:
    try:
        return problem.forward.outputs()
    except (Exception, SystemExit):
        return None


def _time_axis(cut: np.ndarray, full: np.ndarray) -> int | None:
    """The axis along which `cut` is the beginning of `full`; None if it is not."""
    axes = [a for a in range(full.ndim) if cut.ndim == full.ndim and cut.shape[a] != full.shape[a]]
    if len(axes) != 1:
        return None
    first = np.take(full, range(cut.shape[axes[0]]), axes[0])
    return axes[0] if first.shape == cut.shape and np.allclose(first, cut, rtol=1e-6, atol=0) else None


def _is_end(late: np.ndarray, full: np.ndarray, axis: int | None) -> bool:
    """Whether `late` is `full` without its first slice along the axis."""
    if axis is None:
        return False
    rest = np.take(full, range(1, full.shape[axis]), axis)
    return rest.shape == late.shape and bool(np.allclose(rest, late, rtol=1e-6, atol=0))


def _with(inputs: Any, name: str, value: np.ndarray) -> Any:
    leaves = paths(inputs)
    path_of = {id(v): path for path, v in leaves.items()}
    return jax.tree.map(lambda v: value if path_of[id(v)] == name else v, inputs)
