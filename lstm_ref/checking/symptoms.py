"""What a wrong gradient looks like beside the right one: tests that need no dictionary and no known cell."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from lstm_ref.checking.problem import Problem, in_own_arithmetic, paths
from lstm_ref.checking.report import Finding
from lstm_ref.errors import LstmRefError

Named = Mapping[str, np.ndarray]
IsRight = Callable[[Problem], bool]
MANY_ROWS = 8
"""Batches with more rows are not taken apart: each row is a check of its own."""


def symptoms(
    problem: Problem, claimed: Named, truth: Named, wrong: Mapping[str, np.ndarray], outputs: Named, unit: float
) -> Iterator[Finding]:
    """Every simple relation between the claim and the truth, both by path, in arithmetic of this unit roundoff.

    `wrong` tells which elements are; `outputs` are the function's, by path: an activation's derivative may hide there.
    """
    same = _Same(unit)
    paths_wrong = [path for path in claimed if path in truth and np.any(wrong[path])]
    yield from _scales(problem, claimed, truth, paths_wrong, same)
    for path in paths_wrong:
        found = next(_rearranged(path, claimed, truth, same), None) or _activation(path, claimed, truth, outputs, same)
        if found is not None:
            yield found


class _Same:
    """Whether two arrays agree to half of the digits of the arithmetic: √unit, relative to the largest element."""

    def __init__(self, unit: float) -> None:
        self._part = unit**0.5

    def __call__(self, a: np.ndarray, b: np.ndarray) -> bool:
        if a.shape != b.shape or not a.size:
            return False
        size = max(float(np.max(np.abs(a))), float(np.max(np.abs(b))))
        return bool(size > 0 and np.max(np.abs(a - b)) <= self._part * size)


# ------------------------------------------------------------------------------------------------ a constant factor


def _scales(problem: Problem, claimed: Named, truth: Named, wrong: list[str], same: _Same) -> Iterator[Finding]:
    factors = {path: k for path in wrong if (k := _factor(claimed[path], truth[path], same)) is not None}
    if len(factors) == len(wrong) > 1 and len({f"{k:.6g}" for k in factors.values()}) == 1:
        k = next(iter(factors.values()))
        yield Finding("scale", f"every wrong gradient is {_times(k, problem)} ({', '.join(wrong)})", exact=True)
        return
    for path, k in factors.items():
        yield Finding("scale", f"the gradient of {path} is {_times(k, problem)}", exact=len(wrong) == len(factors))


def _factor(claim: np.ndarray, truth: np.ndarray, same: _Same) -> float | None:
    norm = float(np.sum(truth * truth))
    if claim.size < 2 or norm == 0:
        return None
    k = float(np.sum(claim * truth)) / norm
    if k == 0 or not same(claim, k * truth):
        return 0.0 if not np.any(claim) else None
    return k


def _times(k: float, problem: Problem) -> str:
    if k == 0:
        return "zero throughout: nothing reaches it"
    for value, name in _likely(problem):
        if abs(k - value) <= 1e-6 * abs(value):
            return f"{value:.6g} times what it should be: {name}"
    return f"{k:.6g} times what it should be"


def _likely(problem: Problem) -> Iterator[tuple[float, str]]:
    """Factors that gradients are wrong by, with the likely reason; sizes of the inputs' axes among them."""
    yield -1.0, "the sign"
    yield 2.0, "a factor 2 too much, as of a square or of a term added twice"
    yield 0.5, "a factor ½ too much, as of ½(y − t)² without the half in the loss"
    sizes: dict[int, str] = {}
    for path, value in paths(problem.inputs).items():
        for axis, size in enumerate(np.shape(value)):
            if size > 1:
                sizes.setdefault(size, f"{size} is the size of axis {axis} of {path}")
    for size, where in sizes.items():
        yield float(size), f"a sum stands for a mean ({where})"
        yield 1 / size, f"a mean stands for a sum ({where})"
    for (a, where_a), (b, where_b) in itertools.combinations(sizes.items(), 2):
        yield float(a * b), f"sums stand for means ({where_a}, {where_b})"
        yield 1 / (a * b), f"means stand for sums ({where_a}, {where_b})"
    for size, where in sizes.items():
        yield -float(size), f"the sign, and a sum for a mean ({where})"
        yield -1 / size, f"the sign, and a mean for a sum ({where})"


# --------------------------------------------------------------------------------------------- elements moved about


def _rearranged(path: str, claimed: Named, truth: Named, same: _Same) -> Iterator[Finding]:
    claim, right = claimed[path], truth[path]
    if claim.ndim == 2:
        if claim.shape[0] == claim.shape[1] and same(claim, right.T):
            yield Finding("transposed", f"the gradient of {path} is transposed", exact=True)
        elif claim.shape[0] != claim.shape[1] and same(claim, right.T.reshape(claim.shape)):
            yield Finding(
                "transposed", f"the gradient of {path} is transposed, and reshaped to {claim.shape}", exact=True
            )
    if claim.ndim >= 1 and claim.shape[0] > 1 and same(claim, right[::-1]):
        yield Finding("reversed", f"the gradient of {path} is reversed along axis 0 (time?)", exact=True)
    for axis in range(claim.ndim):
        for by in (1, -1):
            if claim.shape[axis] > 2 and _shifted(claim, right, axis, by, same):
                side = "late" if by == 1 else "early"
                yield Finding("shifted", f"the gradient of {path} is shifted along axis {axis}, one {side}", exact=True)
    for axis in reversed(range(claim.ndim)):
        for blocks in (4, 3, 2):
            order = _blocks(claim, right, axis, blocks, same)
            if order is not None:
                yield Finding(
                    "permuted",
                    f"of the {blocks} blocks along axis {axis} of {path} (the gates?), number "
                    + ", ".join(f"{k} holds what belongs to {n}" for k, n in enumerate(order) if n != k),
                    exact=True,
                )
    for other, value in truth.items():
        if other != path and same(claim, value):
            yield Finding("another's", f"the gradient of {path} is that of {other}", exact=True)


def _shifted(claim: np.ndarray, right: np.ndarray, axis: int, by: int, same: _Same) -> bool:
    inner = np.take(claim, range(max(by, 0), claim.shape[axis] + min(by, 0)), axis)
    return same(inner, np.take(right, range(max(-by, 0), claim.shape[axis] + min(-by, 0)), axis))


def _blocks(claim: np.ndarray, right: np.ndarray, axis: int, count: int, same: _Same) -> list[int] | None:
    """Which block of the truth each block of the claim is; None where one is none of them, or nothing is moved."""
    if claim.shape[axis] % count:
        return None
    theirs, ours = np.split(claim, count, axis), np.split(right, count, axis)
    order = [next((n for n, block in enumerate(ours) if same(one, block)), None) for one in theirs]
    return None if None in order or order == list(range(count)) else [n for n in order if n is not None]


def _activation(path: str, claimed: Named, truth: Named, outputs: Named, same: _Same) -> Finding | None:
    """A factor that is, element by element, the derivative of an activation of which an output is the value."""
    claim, right = claimed[path], truth[path]
    for name, y in outputs.items():
        for slope, what in (
            (1 - y * y, f"1 − y² of y = output {name or 'y'}".strip()),
            (y * (1 - y), f"y(1 − y) of y = output {name or 'y'}".strip()),
        ):
            for axes in itertools.permutations(range(y.ndim)) if y.ndim == right.ndim else ():
                factor = slope.transpose(axes)
                if factor.shape != right.shape:
                    continue
                if same(claim * factor, right):
                    return Finding("activation", f"the gradient of {path} lacks the factor {what}", exact=True)
                if same(claim, right * factor):
                    return Finding("activation", f"the gradient of {path} has the factor {what} too much", exact=True)
    return None


# ---------------------------------------------------------------------------------------------- other problems


def when_right(problem: Problem, is_right: IsRight) -> Iterator[Finding]:
    """On which easier problems the claim is right: fewer time steps, one row, an input that is zero.

    `is_right` checks one.
    """
    early = _first_steps(problem)
    if early is not None:
        yield from _over_time(*early, is_right)
    yield from _over_rows(problem, is_right)
    for name, leaf in paths(problem.inputs).items():
        if name.split(".")[0] in problem.nodes or not np.any(leaf):
            continue
        if _is(is_right, replace(problem, inputs=_with(problem.inputs, name, np.zeros_like(leaf)))):
            yield Finding("zero", f"right when {name} is zero: what is wrong or missing is multiplied by it")


def _over_time(T: int, first: Callable[[int], Problem], is_right: IsRight) -> Iterator[Finding]:
    at_one = _is(is_right, first(1))
    if at_one is False:
        yield Finding("time", "wrong for one time step already: the mistake lies within a step")
    if not at_one:
        return
    longest = 1
    while longest + 1 < T and _is(is_right, first(longest + 1)):
        longest += 1
    if longest == 1:
        yield Finding(
            "recurrence", "right for one time step, wrong from two on: what is wrong or missing goes from step to step"
        )
    else:
        yield Finding(
            "truncation",
            f"right up to {longest} time steps, wrong from {longest + 1} on: it is cut off after {longest}",
        )


def _over_rows(problem: Problem, is_right: IsRight) -> Iterator[Finding]:
    """Which rows of the batch are right by themselves, where some are: axes of outputs as long as an input's second."""
    full = _outputs(problem)
    rows = {np.shape(v)[a] for v in paths(problem.inputs).values() if np.ndim(v) == 3 for a in (0, 1)}
    if problem.is_loss or full is None:
        return
    for size in sorted(rows - {1}):
        axes = {p: next((a for a in range(v.ndim - 1) if v.shape[a] == size), None) for p, v in full.items()}
        if all(a is None for a in axes.values()) or size > MANY_ROWS or not _are_rows(problem, size, axes, full):
            continue
        right = [_is(is_right, _masked(problem, axes, full, slice(r, r + 1))) for r in range(size)]
        if True in right and False in right:
            which = ", ".join(str(r) for r, ok in enumerate(right) if ok)
            yield Finding(
                "batch", f"right for row {which} of the batch alone, of {size}: rows are mixed up, or left out"
            )


def _are_rows(problem: Problem, size: int, axes: Mapping[str, int | None], full: Named) -> bool:
    """Whether the first and the last along axes of this length say nothing to the others: steps in time do."""
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


def _is(is_right: IsRight, problem: Problem) -> bool | None:
    """None where the claim cannot be checked there: it need not take every input."""
    try:
        return is_right(problem)
    except LstmRefError:
        return None


def _first_steps(problem: Problem) -> tuple[int, Callable[[int], Problem]] | None:
    """The number of time steps, and the problem of the first k of them; None where no axis behaves like time.

    An axis of an input is time where the function takes the input cut along it, and where the outputs of the steps that
    are left stay what they were. Of arrays the later outputs are masked, so that the code sees all of its steps; a loss
    is taken of the shorter input.
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
            return T, shorter
        axes = {p: _time_axis(cut[p], full[p]) for p in full}
        late = _outputs(replace(problem, inputs=_with(problem.inputs, name, np.take(leaves[name], range(1, T), axis))))
        if late is not None and any(_is_end(late[p], full[p], a) for p, a in axes.items()):
            continue  # what comes first does not matter to what comes later: rows of a batch, not steps
        if any(a is not None for a in axes.values()):
            return T, lambda k: _masked(problem, axes, full, slice(k))  # noqa: B023  (returned at once)
    return None


def _masked(problem: Problem, axes: Mapping[str, int | None], full: Named, part: slice) -> Problem:
    """The problem of a part of the outputs along these axes: the rest is multiplied by zero, and so are cotangents."""
    masks = {}
    for path, axis in axes.items():
        mask = np.zeros_like(full[path])
        if axis is not None:
            mask[(slice(None),) * axis + (part,)] = 1
        masks[path] = mask

    def masked(outputs: Any) -> Any:
        in_order = iter([masks[path] for path in _paths_of(outputs)])
        return jax.tree.map(lambda v: v * next(in_order), outputs)

    function, gradients = problem.function, problem.gradients
    return replace(
        problem,
        function=lambda inputs: masked(function(inputs)),
        gradients=lambda inputs, bars: gradients(inputs, masked(bars)),
    )


def _paths_of(tree: Any) -> list[str]:
    """Paths in the order in which `jax.tree.map` visits the leaves."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in flat]


def _outputs(problem: Problem) -> Named | None:
    try:
        return paths(in_own_arithmetic(problem.function, problem.inputs)(jax.tree.map(np.copy, problem.inputs)))
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
