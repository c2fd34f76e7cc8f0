"""Convolutions as a person writes them: the patches of an array, contracted with a kernel.

`patches(x)` has, for every place of x, the elements under the kernel, with zeros beyond the border; the kernel's axes
come last. So a convolution is Σ_k patches(x)[n, k] W[k], its derivative by W is a contraction of patches(x), and what
goes back to x is the convolution with the kernel mirrored. Whoever loops over the taps writes a sum of slices, each
times one tap: `convolved` finds it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.expressions import Call, Constant, Contraction, Expression, Pads, Product, Shape, Sum


def patches(x: Expression, axes: tuple[int, ...], widths: tuple[int, ...], pads: Pads) -> Expression:
    """For every place of x along the axes, the elements under a kernel."""
    return ex.call("patches", x, settings=(axes, widths, pads))


def back_through(e: Call, bar: Expression) -> Expression:
    """The adjoint of x from that of patches(x).

    A convolution with the mirrored kernel: place m of x lies under tap k at place m − k + low, where with k' = K−1−k
    stands m + k' − (K−1−low).
    """
    axes, widths, pads = e.settings
    number, inner = (bar.number, bar.factors[0][0]) if isinstance(bar, Product) and len(bar.factors) == 1 else (1, bar)
    if isinstance(inner, Contraction):
        out = inner.letters[2]
        taps, places = out[len(out) - len(widths) :], [out[a] for a in axes]
        sides = (inner.left, inner.letters[0]), (inner.right, inner.letters[1])
        for (a, la), (kernel, lk) in (sides, sides[::-1]):
            if (
                set(places) <= set(la)
                and set(taps) <= set(lk)
                and not set(taps) & set(la)
                and not set(places) & set(lk)
            ):
                turned = tuple((n - 1 - low, n - 1 - high) for n, (low, high) in zip(widths, pads, strict=True))
                if min(min(p) for p in turned) < 0:
                    break
                seen = patches(a, tuple(la.index(p) for p in places), widths, turned)
                mirrored = ex.call("flip", kernel, settings=(tuple(lk.index(k) for k in taps),))
                return ex.times(ex.number(number), ex.dot(seen, mirrored, (la + taps, lk, out[: len(out) - len(taps)])))
    return ex.call("overlap", bar, settings=(axes, widths, pads, e.arguments[0].shape))


def under_kernel(e: Expression) -> Expression:
    """The patches of which this takes every k-th; the expression itself where it takes none."""
    return e.arguments[0] if isinstance(e, Call) and e.function == "every" else e


# ------------------------------------------------------------------------------------------------ from a loop over taps


class _Tap(NamedTuple):
    """One term of a convolution that is written out: a part of x, times one tap of a kernel."""

    x: Expression
    starts: tuple[int, ...]
    """Of the part, in x; negative where it begins in the border."""
    shape: Shape
    """Of the part."""
    kernel: Expression
    picked: tuple[tuple[int, int], ...]
    """(axis, number) of the kernel's indices."""
    letters: tuple[str, str, str]
    """Of the part, of the tap, of the term."""


def convolved(e: Expression) -> Expression:
    """The expression with sums over taps as products of patches and a kernel."""

    def change(c: Expression) -> Expression | None:
        if isinstance(c, Sum) and len(c.terms) > 1:
            return _in_sum(c)
        if isinstance(c, Call) and c.function == "stack":
            return _in_stack(c)
        return None

    return ex.rebuilt(e, change)


def _in_sum(e: Sum) -> Expression | None:
    groups: dict[object, list[tuple[_Tap, Expression]]] = {}
    for k, t in e.terms:
        if k == 1 and (tap := _tap(t)) is not None:
            axes = tuple(axis for axis, _ in tap.picked)
            groups.setdefault((tap.x, tap.shape, tap.kernel, axes, tap.letters), []).append((tap, t))
    rest, found = list(e.terms), []
    for taps in groups.values():
        if (made := _whole([tap for tap, _ in taps])) is not None:
            rest = [(k, t) for k, t in rest if not any(t is u for _, u in taps)]
            found.append((Fraction(1), made))
    if not found:
        return None
    return ex.plus(*found, *((k, convolved(t)) for k, t in rest))


def _tap(e: Expression) -> _Tap | None:
    if isinstance(e, Contraction):
        sides = (e.left, e.letters[0]), (e.right, e.letters[1])
        for (part, lp), (kernel, lk) in (sides, sides[::-1]):
            if _picked(kernel)[1]:
                return _Tap(*_part(part), *_picked(kernel), (lp, lk, e.letters[2]))
    if isinstance(e, Product) and e.number == 1 and len(e.factors) == 2 and all(p == 1 for _, p in e.factors):
        (a, _), (b, _) = e.factors
        for part, kernel in ((a, b), (b, a)):
            if _picked(kernel)[1] and part.shape == e.shape:
                letters = "abcdefgh"[: len(part.shape)]
                return _Tap(
                    *_part(part), *_picked(kernel), (letters, letters[len(letters) - len(kernel.shape) :], letters)
                )
    return None


def _part(e: Expression) -> tuple[Expression, tuple[int, ...], Shape]:
    """What a part is cut from, and where it begins."""
    starts = (0,) * len(e.shape)
    x = e
    if isinstance(x, Call) and x.function == "slice":
        starts, x = tuple(a for a, _ in x.settings[0]), x.arguments[0]
    x = bordered(x)
    if isinstance(x, Call) and x.function == "place":
        starts = tuple(s - a for s, (a, _) in zip(starts, x.settings[0], strict=True))
        x = x.arguments[0]
    return x, starts, e.shape


def bordered(e: Expression) -> Expression:
    """What is joined with zeros, as an array that is placed among them."""
    if not (isinstance(e, Call) and e.function == "concatenate"):
        return e
    (axis,) = e.settings
    filled = [k for k, a in enumerate(e.arguments) if not (isinstance(a, Constant) and not a.value.any())]
    if len(filled) != 1 or len(e.arguments) == 1:
        return e
    inner = bordered(e.arguments[filled[0]])
    before = sum(a.shape[axis] for a in e.arguments[: filled[0]])
    window = tuple((before, before + n) if k == axis else (0, n) for k, n in enumerate(inner.shape))
    return ex.call("place", inner, settings=(window, e.shape))


def _picked(e: Expression) -> tuple[Expression, tuple[tuple[int, int], ...]]:
    """The kernel of which this is one tap, by its own axes."""
    found: list[tuple[int, int]] = []
    while isinstance(e, Call) and e.function == "index":
        axis, k = e.settings
        found = [(axis, k), *((a + (a >= axis), n) for a, n in found)]
        e = e.arguments[0]
    return e, tuple(sorted(found))


def _whole(taps: list[_Tap]) -> Expression | None:
    """The convolution of which these are all terms; None where one is missing, or stands elsewhere."""
    taps = _with_fixed(taps)
    first = taps[0]
    axes = [axis for axis, _ in first.picked]
    sizes = [first.kernel.shape[a] for a in axes]
    by_tap = {tuple(k for _, k in tap.picked): tap.starts for tap in taps}
    if len(by_tap) != len(taps) or set(by_tap) != set(np.ndindex(*sizes)) or len(taps) < 2:
        return None
    origin = by_tap[(0,) * len(axes)]
    along, signs = [], []
    for j, n in enumerate(sizes):  # which axis of x each axis of the kernel goes along, and in which direction
        if n == 1:
            return None
        next_one = by_tap[tuple(int(j == k) for k in range(len(axes)))]
        moved = [b - a for a, b in zip(origin, next_one, strict=True)]
        if sorted(map(abs, moved)) != [0] * (len(moved) - 1) + [1]:
            return None
        along.append(next(k for k, m in enumerate(moved) if m))
        signs.append(moved[along[-1]])
    if len(set(along)) != len(along):
        return None
    for tap, starts in by_tap.items():
        there = list(origin)
        for k, a, sign in zip(tap, along, signs, strict=True):
            there[a] += sign * k
        if tuple(there) != starts:
            return None
    pads = []
    for a, n, sign in zip(along, sizes, signs, strict=True):
        low = -origin[a] if sign == 1 else n - 1 - origin[a]
        pads.append((low, first.shape[a] + n - 1 - low - first.x.shape[a]))
    x = _among_zeros(convolved(first.x), along, origin, first.shape)
    if min(min(p) for p in pads) < 0 or x is None:
        return None
    turned = tuple(a for a, sign in zip(axes, signs, strict=True) if sign == -1)
    kernel = ex.call("flip", first.kernel, settings=(turned,)) if turned else first.kernel
    lp, lk, lo = first.letters
    fresh = [c for c in "klmnopqrstuvwxyz" if c not in lp + lk + lo][: len(axes)]
    whole = iter(lk)
    taps_in_kernel = [fresh[axes.index(a)] if a in axes else next(whole) for a in range(len(first.kernel.shape))]
    seen = patches(x, tuple(along), tuple(sizes), tuple(pads))
    return ex.dot(seen, kernel, (lp + "".join(fresh), "".join(taps_in_kernel), lo))


def _with_fixed(taps: list[_Tap]) -> list[_Tap]:
    """The taps of a part of the kernel, where all of them have an index in common: W[2] of W[2][k]."""
    first = taps[0]
    fixed = [j for j, at in enumerate(first.picked) if len(taps) > 1 and all(t.picked[j] == at for t in taps)]
    fixed = [j for j in fixed if first.kernel.shape[first.picked[j][0]] > 1]
    if not fixed:
        return taps
    kernel = first.kernel
    gone = sorted((first.picked[j] for j in fixed), reverse=True)
    for axis, k in gone:
        kernel = ex.call("index", kernel, settings=(axis, k))
    axes = [axis for axis, _ in gone]
    return [
        t._replace(
            kernel=kernel,
            picked=tuple((a - sum(g < a for g in axes), k) for j, (a, k) in enumerate(t.picked) if j not in fixed),
        )
        for t in taps
    ]


def _among_zeros(x: Expression, along: list[int], starts: tuple[int, ...], shape: Shape) -> Expression | None:
    """x with the zeros that parts of it have along axes which the kernel does not go along."""
    to = tuple(n if k in along else shape[k] for k, n in enumerate(x.shape))
    window = tuple((0, n) if k in along else (-starts[k], n - starts[k]) for k, n in enumerate(x.shape))
    if any(low < 0 or high > n for (low, high), n in zip(window, to, strict=True)):
        return None
    return x if to == x.shape else ex.call("place", x, settings=(window, to))


def _in_stack(e: Call) -> Expression | None:
    """Slices that begin one further each, stacked behind each other: patches."""
    parts = [_part(convolved(a)) for a in e.arguments]
    x, origin, shape = parts[0]
    rank, (at,) = len(shape), e.settings
    if len(parts) < 2:
        return None
    for axis in range(rank):
        if all(
            y == x and starts == tuple(s + k * (a == axis) for a, s in enumerate(origin))
            for k, (y, starts, _) in enumerate(parts)
        ):
            low, n = -origin[axis], len(parts)
            high = shape[axis] + n - 1 - low - x.shape[axis]
            inner = _among_zeros(x, [axis], origin, shape)
            if min(low, high) >= 0 and inner is not None:
                order = (*range(at), rank, *range(at, rank))
                return ex.call("transpose", patches(inner, (axis,), (n,), ((low, high),)), settings=(order,))
    return None
