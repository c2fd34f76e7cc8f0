"""Finds simple relations between a wrong gradient and the right one, without a dictionary or a known cell.

Each relation would give the claim if applied to the truth. It counts only if it explains the elements that are wrong: a
relation that also holds for the truth itself (a symmetric array is its own transpose) explains nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np

from lstm_ref.checking.problem import Problem
from lstm_ref.checking.report import Finding
from lstm_ref.leaves import NamedArrays, paths


def symptoms(
    problem: Problem, claimed: NamedArrays, truth: NamedArrays, wrong: NamedArrays, outputs: NamedArrays, unit: float
) -> Iterator[Finding]:
    """Findings on every simple relation between the claim and the truth, both by path; `unit` is the unit roundoff.

    `wrong` holds the mask of wrong elements. `outputs` are the function's outputs by path: a missing factor may be the
    derivative of an activation of one of them.
    """
    paths_wrong = [path for path in claimed if path in truth and np.any(wrong[path])]
    finite = [path for path in paths_wrong if np.isfinite(claimed[path]).all() and np.isfinite(truth[path]).all()]
    sides = {path: _Sides(claimed[path], truth[path], wrong[path], unit) for path in finite}
    factors, inputs = _factors(sides), paths(problem.inputs)
    moved: dict[str, list[tuple[str, str]]] = {}
    for path, side in sides.items():
        if path not in factors:
            ways = (_rearranged(path, side, truth), _activation(side, outputs), _penalty(path, side, inputs[path]))
            moved[path] = next((found for way in ways if (found := [*way])), [])
    moved = {path: found for path, found in moved.items() if found}
    exact = len(factors) + len(moved) == len(paths_wrong)
    for kind, sentence in (
        *_scales(problem, sides, factors),
        *(_combine(path, found) for path, found in moved.items()),
    ):
        yield Finding(kind, sentence, exact=exact)


class _Sides:
    """A claim that is wrong somewhere, beside the truth."""

    def __init__(self, claim: np.ndarray, right: np.ndarray, wrong: np.ndarray, unit: float) -> None:
        self.claim, self.right = (np.asarray(v, dtype=np.float64) for v in (claim, right))
        self.wrong = np.broadcast_to(wrong, self.claim.shape)
        self.digits = unit**0.5
        """Tolerance of half the arithmetic's digits: chance does not agree to so many, and rounding does not destroy so
        many."""
        self.noise = unit * 1000

    def explained_by(self, given: np.ndarray, wanted: np.ndarray | None = None) -> bool:
        """Whether `given` equals the claim (or `wanted`) to half of the digits, and is nearer to it than the truth is:
        a thousand times nearer as a whole, ten times in every wrong element."""
        claim = self.claim if wanted is None else wanted
        if given.shape != claim.shape or not claim.size:
            return False
        size = max(float(np.max(np.abs(claim))), float(np.max(np.abs(self.right))))
        distance, error = np.abs(claim - given), np.abs(self.claim - self.right)
        return bool(
            np.max(distance) <= self.digits * size
            and np.max(distance) * 1000 <= np.max(error)
            and np.max(error) > 0
            and np.all(distance[self.wrong] <= np.maximum(error[self.wrong] / 10, self.noise * size))
        )

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two parts of the claim or the truth agree to half of the digits, relative to the whole."""
        size = max(float(np.max(np.abs(self.claim))), float(np.max(np.abs(self.right))))
        return bool(a.shape == b.shape and np.all(np.abs(a - b) <= self.digits * size))

    def varies(self) -> bool:
        """Whether elements differ, in both the claim and the truth: moving equal elements about changes nothing."""
        return all(v.size > 1 and not self.same(v, np.full_like(v, v.flat[0])) for v in (self.claim, self.right))


# ------------------------------------------------------------------------------------------------ a constant factor


def _factors(sides: Mapping[str, _Sides]) -> dict[str, float]:
    """By path, the factor by which a claim is a multiple of the truth, where that tells something. One element is
    always a multiple of another, so there must be several nonzero ones, or another input with the same factor. A
    gradient that is all zero counts even with one element."""
    found, many = {}, set()
    for path, side in sides.items():
        norm = float(np.sum(side.right * side.right))
        k = float(np.sum(side.claim * side.right)) / norm if norm > 0 else math.nan
        if side.explained_by(k * side.right):
            found[path] = k
            if np.sum(np.abs(side.right) > side.digits * np.max(np.abs(side.right))) > 1:
                many.add(path)
    near = lambda a, b: abs(a - b) <= 1e-6 * abs(b)  # noqa: E731
    return {
        path: k
        for path, k in found.items()
        if k == 0 or path in many or any(other != path and near(k, found[other]) for other in found)
    }


def _scales(problem: Problem, sides: Mapping[str, _Sides], factors: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    if len(factors) == len(sides) > 1 and len({_number(k) for k in factors.values()}) == 1:
        k = next(iter(factors.values()))
        together = np.concatenate([side.claim.ravel() for side in sides.values()])
        yield "scale", f"every wrong gradient is {_times(k, problem, together)} ({', '.join(sides)})"
        return
    for path, k in factors.items():
        yield "scale", f"the gradient of {path} is {_times(k, problem, sides[path].claim)}"


def _number(k: float) -> str:
    """The number to six digits; a number close to one is written by its distance from one."""
    return f"{k:.6g}" if f"{k:.6g}" != "1" else f"1 {'+' if k > 1 else '-'} {abs(k - 1):.2g}"


def _times(k: float, problem: Problem, claim: np.ndarray) -> str:
    if k == 0:
        return "zero throughout: nothing reaches it"
    names = list(dict.fromkeys(name for value, name in _likely(problem) if abs(k - value) <= 1e-6 * abs(value)))
    norm = float(np.linalg.norm(claim))
    if not names and 0 < k < 1 and abs(norm - float(f"{norm:.2g}")) <= 1e-6 * norm:
        names = [f"perhaps it is clipped, to the norm {norm:.2g}"]
    return f"{_number(k)} times what it should be" + (f": {'; or '.join(names[:2])}" if names else "")


def _likely(problem: Problem) -> Iterator[tuple[float, str]]:
    """Common wrong factors of gradients with the likely reason, including the sizes of the inputs' axes."""
    yield -1.0, "the sign"
    yield 2.0, "a surplus factor 2, as from a square or a term added twice"
    yield 0.5, "a surplus factor ½, as from ½(y − t)² when the loss has no ½"
    sizes: dict[int, str] = {}
    for path, value in paths(problem.inputs).items():
        for axis, size in enumerate(np.shape(value)):
            if size > 1:
                sizes.setdefault(size, f"{size} is the size of axis {axis} of {path}")
    for size, where in sizes.items():
        yield float(size), f"perhaps a sum stands for a mean ({where})"
        yield 1 / size, f"perhaps a mean stands for a sum ({where})"
    for (a, where_a), (b, where_b) in itertools.combinations(sizes.items(), 2):
        yield float(a * b), f"perhaps sums stand for means ({where_a}, {where_b})"
        yield 1 / (a * b), f"perhaps means stand for sums ({where_a}, {where_b})"
    for size, where in sizes.items():
        yield -float(size), f"the sign, and perhaps a sum for a mean ({where})"
        yield -1 / size, f"the sign, and perhaps a mean for a sum ({where})"


# --------------------------------------------------------------------------------------------- elements moved about


def _combine(path: str, found: list[tuple[str, str]]) -> tuple[str, str]:
    """The kind and the sentence of a finding; further relations that hold are named as equal on this problem."""
    (kind, first), *others = found
    also = next((f", or (the same here) {text}" for other, text in others if other != kind), "")
    return kind, f"the gradient of {path} {first}{also}"


def _rearranged(path: str, side: _Sides, truth: NamedArrays) -> Iterator[tuple[str, str]]:
    """(kind, predicate of the gradient) for every rearrangement of the truth that equals the claim."""
    claim, right = side.claim, side.right
    if not side.varies():
        return
    if claim.ndim == 2:
        if claim.shape[0] == claim.shape[1] and side.explained_by(right.T):
            yield "transposed", "is transposed"
        elif claim.shape[0] != claim.shape[1] and side.explained_by(right.T.reshape(claim.shape)):
            yield "transposed", f"is transposed, and reshaped to {claim.shape}"
    if claim.ndim >= 1 and side.explained_by(right[::-1]):
        yield "reversed", "is reversed along axis 0" + " (time?)" * (claim.ndim > 2)
    for axis, by in itertools.product(range(claim.ndim), (1, -1)):
        if claim.shape[axis] > 2 and any(side.explained_by(moved) for moved in _shifts(claim, right, axis, by)):
            yield "shifted", f"is shifted along axis {axis}, one {'late' if by == 1 else 'early'}"
    for axis, blocks in itertools.product(reversed(range(claim.ndim)), (4, 3, 2)):
        order = _blocks(side, axis, blocks)
        if order is not None:
            which = ", ".join(f"{k} holds what belongs to {n}" for k, n in enumerate(order) if n != k)
            gates = " (the gates?)" * (claim.shape[axis] > blocks)
            yield "permuted", f"is mixed up: of its {blocks} blocks along axis {axis}{gates}, number {which}"
    for other, value in truth.items():
        if other != path and side.explained_by(value):
            yield "another's", f"is that of {other}"


def _shifts(claim: np.ndarray, right: np.ndarray, axis: int, by: int) -> Iterator[np.ndarray]:
    """The truth moved along the axis by `by`, three ways: it wraps around, or the vacated end is zero, or it keeps its
    values."""
    moved, end = np.roll(right, by, axis), [slice(None)] * right.ndim
    end[axis] = slice(0, 1) if by == 1 else slice(-1, None)
    yield moved
    for left in (0.0, right[tuple(end)]):
        kept = moved.copy()
        kept[tuple(end)] = left
        yield kept


def _blocks(side: _Sides, axis: int, count: int) -> list[int] | None:
    """For each block of the claim, which block of the truth it is; None if one matches no block or several, or if none
    has moved."""
    if side.claim.shape[axis] % count:
        return None
    theirs, ours = np.split(side.claim, count, axis), np.split(side.right, count, axis)
    order = []
    for k, block in enumerate(theirs):
        places = [k] if side.same(block, ours[k]) else [n for n in range(count) if side.same(block, ours[n])]
        if len(places) != 1:
            return None
        order += places
    return order if side.explained_by(np.concatenate([ours[n] for n in order], axis)) else None


def _activation(side: _Sides, outputs: NamedArrays) -> Iterator[tuple[str, str]]:
    """Findings on a factor that is missing or surplus and equals, element by element, the derivative of an activation
    whose value is one of the outputs."""
    for name, y in outputs.items():
        for slope, what in (
            (1 - y * y, f"1 − y² of y = output {name or 'y'}"),
            (y * (1 - y), f"y(1 − y) of y = output {name or 'y'}"),
        ):
            for axes in itertools.permutations(range(y.ndim)) if y.ndim == side.right.ndim else ():
                factor = slope.transpose(axes)
                if factor.shape != side.right.shape:
                    continue
                if side.explained_by(side.claim * factor, side.right):
                    yield "activation", f"lacks the factor {what}"
                if side.explained_by(side.right * factor):
                    yield "activation", f"has the surplus factor {what}"


def _penalty(path: str, side: _Sides, value: np.ndarray) -> Iterator[tuple[str, str]]:
    """Findings on a missing or surplus multiple of the input itself: the gradient 2λ·w of a penalty λ·Σw², or the
    multiple of w that normalising w projects out."""
    value = np.asarray(value, dtype=np.float64)
    norm = float(np.sum(value * value))
    if norm == 0 or np.count_nonzero(value) < 2:
        return
    k = float(np.sum((side.claim - side.right) * value)) / norm
    if side.explained_by(side.right + k * value):
        what = f"{abs(k):.6g} times {path} itself"
        why = "(a penalty on its size, or its normalisation?)"
        yield "penalty", f"lacks {what} {why}" if k < 0 else f"has a surplus of {what} {why}"
