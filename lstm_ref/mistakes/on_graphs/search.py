"""The search: which entries of the dictionary make a wrong gradient of the right one, to all digits.

An entry that makes wrong elements right and no right one wrong is kept, and the rest is searched on top of it.
An entry is named only if it cannot have hit by chance: more digits must agree than the number of candidates explains.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.errors import BadInput
from lstm_ref.graph.sweep import Adjoints, RuleEdit, Where, sweep
from lstm_ref.mistakes.on_graphs.batched import ELEMENTS, ROWS, Batched, Scaled, size_of
from lstm_ref.mistakes.on_graphs.candidate import Candidate
from lstm_ref.mistakes.on_graphs.dictionary import GraphDictionary
from lstm_ref.mistakes.on_graphs.edges import Edges, Frame
from lstm_ref.mistakes.on_graphs.pairs import Seen

AT_MOST = 5
"""Largest number of mistakes in one backward pass."""
RELATIVE = 1e-9
"""Numbers nearer than this, relative to an array's largest element, count as equal."""
ROUNDING = 1e-11
"""A difference that is at most so large, on the same scale, is rounding and no mistake."""
PART = 0.1
"""Of a smaller mistake than `RELATIVE` would see, the part that still counts as equal."""
BEYOND_CHANCE = 6
"""Digits that must agree beyond those that so many candidates hit by chance."""


@dataclass(frozen=True)
class Explanation:
    """A mistake that is named."""

    candidate: Candidate
    places: tuple[Frame, ...]
    """Lines of the forward: of all the places whose edit has the same effect, the most natural first."""
    explains: tuple[str, ...]
    """Paths of the gradients that are right except for this mistake and those named before it."""
    also: tuple[Candidate, ...] = ()
    """Other entries of the same effect."""

    @property
    def kind(self) -> str:
        """A word for the edit."""
        return self.candidate.kind

    @property
    def kinds(self) -> set[str]:
        """The words of all that have this effect."""
        return {self.candidate.kind, *(c.kind for c in self.also)}


@dataclass
class Search:
    """A claim beside what the graph gives."""

    edges: Edges
    base: Adjoints
    claimed: np.ndarray
    tolerance: np.ndarray
    slices: list[slice]
    batched: Batched | None = None
    tried: int = 0
    edits: dict[Where, RuleEdit] = field(default_factory=dict)
    changes: list[Candidate] = field(default_factory=list)
    offset: Any = 0.0
    """What is added by kept entries that are not edits."""

    def gradients(self, candidates: Sequence[Candidate | None] = (None,)) -> np.ndarray:
        """Gradients, flat, one row for each candidate: with what is kept and this one entry more."""
        found = self._rows([self._with(c.edits if c else {}) for c in candidates])
        for row, candidate in enumerate(candidates):
            if candidate is not None and candidate.parts:
                parts = self._rows([self._with(edits) for edits in candidate.parts])
                found[row] += np.sum(parts - found[row], axis=0)
            if candidate is not None and candidate.only >= 0:
                plain = self._rows([self.edits])[0]
                for b, s in enumerate(self.slices):
                    if not candidate.only >> b & 1:
                        found[row, s] = plain[s]
            changes = self.changes
            if candidate is not None and candidate.change is not None:
                changes = [*changes, candidate]
            if changes:
                leaves = [found[row, s].reshape(np.shape(v)) for s, v in zip(self.slices, self.inputs, strict=True)]
                for change in changes:
                    assert change.change is not None
                    leaves[change.leaf] = change.change(leaves[change.leaf], leaves)
                found[row] = np.concatenate([np.ravel(v) for v in leaves])
        return found + self.offset

    def _rows(self, rows: Sequence[dict[Where, RuleEdit]]) -> np.ndarray:
        if self.batched is not None:
            return np.array(self.batched.gradients(rows))
        return np.stack([self._swept(edits) for edits in rows])

    def _with(self, more: Mapping[Where, RuleEdit]) -> dict[Where, RuleEdit]:
        edits = {**self.edits}
        for where, edit in more.items():
            edits[where] = _after(edits[where], edit) if where in edits else edit
        return edits

    def _swept(self, edits: dict[Where, RuleEdit]) -> np.ndarray:
        try:
            bars = sweep(self.edges.graph, None, edits, self.base).bars if edits else self.base.bars
        except (BadInput, ValueError):  # edits that do not fit these shapes are skipped
            return np.full(self.claimed.shape, np.nan)
        inputs = self.edges.graph.inputs
        leaves = [
            np.zeros(np.shape(v)) if bars[i] is None else bars[i] for i, v in zip(inputs, self.inputs, strict=True)
        ]
        return np.concatenate([np.ravel(v) for v in leaves])

    @property
    def inputs(self) -> list[Any]:
        """Their values."""
        return [self.edges.graph.values[i] for i in self.edges.graph.inputs]

    def keep(self, candidate: Candidate) -> None:
        """Keep an entry; the rest is searched on top of it."""
        if candidate.parts or candidate.only >= 0:
            self.offset = self.offset + self.gradients([candidate])[0] - self.gradients()[0]
            return
        self.edits = self._with(candidate.edits)
        if candidate.change is not None:
            self.changes.append(candidate)


def _after(first: RuleEdit, then: RuleEdit) -> RuleEdit:
    def both(c: Any, at: Any) -> Any:
        c = first(c, at)
        return None if c is None else then(c, at)

    return both


@dataclass(frozen=True)
class _Hit:
    candidate: Candidate
    given: np.ndarray
    fixed: np.ndarray
    is_clean: bool
    leaves: int

    @property
    def is_sure(self) -> bool:
        """Whether it makes a whole gradient right and spoils no other."""
        return self.leaves > 0 and self.is_clean

    @property
    def order(self) -> tuple[Any, ...]:
        # Where a value is multiplied by itself, one factor's gradient with the wrong sign leaves nothing either.
        is_negated = self.candidate.kind == "negated"
        return -self.leaves, -int(self.fixed.sum()), not self.is_clean, self.candidate.tier, is_negated


class Explained(NamedTuple):
    """What a search found."""

    explanations: list[Explanation]
    is_complete: bool
    """Whether the graph with these mistakes gives the claim, to all digits."""
    left: tuple[str, ...] = ()
    """Paths of the gradients that do not."""


def explain(
    graph: Any,
    cotangent: Any,
    claimed: Mapping[str, Any],
    floors: Mapping[str, float] | float = 0.0,
    edges: Edges | None = None,
    unclaimed: Collection[str] = (),
) -> Explained:
    """The mistakes with which the graph gives the claimed gradients, by path.

    Inputs that are neither claimed nor `unclaimed` count as right.
    """
    search, dictionary = begin(graph, cotangent, claimed, floors, edges, unclaimed)
    found: list[tuple[Explanation, _Hit]] = []
    (given,) = search.gradients()
    for hit in _of_unused(search, dictionary, given):
        found.append((_explanation(search, [hit]), hit))
        search.keep(hit.candidate)
        (given,) = search.gradients()
    wrong = ~_near(search, given)
    is_open = wrong | np.isinf(search.tolerance)
    allowed = sum(1 << b for b, s in enumerate(search.slices) if is_open[s].any())
    start, first, unused = given, None, list(found)
    while not _near(search, given).all() and len(found) < AT_MOST:
        seen = Seen([np.shape(v) for v in search.inputs], search.slices, search.claimed - given)
        hits = _hits(search, dictionary, given, ~_near(search, given), allowed, seen)
        first = first or seen
        if not (hits and hits[0].leaves) and (both := _pair(search, seen, given, ~_near(search, given))):
            return Explained([e for e, _ in (*found, *both)], True)
        if not hits:
            break
        found.append((_explanation(search, hits), hits[0]))
        search.keep(hits[0].candidate)
        given = hits[0].given
    if _near(search, given).all():
        return Explained([e for e, _ in found], _verified(search))
    kept = search.edits, search.changes, search.offset
    if first is not None:
        search.edits, search.changes, search.offset = {}, [h.candidate for _, h in unused], 0.0
        if both := _pair(search, first, start, wrong) or _pair(search, first, start, wrong, likely=True):
            return Explained([e for e, _ in (*unused, *both)], True)
    search.edits, search.changes, search.offset = kept
    # Something is left, so an entry may be right by chance: only entries that make a whole gradient right count.
    names = [n for n, s in zip(search.edges.leaves.values(), search.slices, strict=True) if wrong[s].any()]
    sure = [e for e, hit in found if hit.is_sure]
    explained = {path for e in sure for path in e.explains}
    return Explained(sure, False, tuple(n for n in names if n not in explained))


def _verified(search: Search) -> bool:
    """Whether one more sweep with all that is kept gives the claim."""
    return bool(_near(search, search.gradients()[0]).all())


def begin(
    graph: Any,
    cotangent: Any,
    claimed: Mapping[str, Any],
    floors: Any,
    edges: Edges | None,
    unclaimed: Collection[str] = (),
) -> tuple[Search, GraphDictionary]:
    """The search for one claim; any gradient of the `unclaimed` inputs will do."""
    edges = edges or Edges(graph)
    base = sweep(edges.graph, cotangent)
    parts, tolerance, slices, start = [], [], [], 0
    for i, name in edges.leaves.items():
        bar = base.bars[i]
        right = np.zeros(np.shape(edges.graph.values[i])) if bar is None else bar
        mine = np.asarray(claimed.get(name, right), dtype=np.float64)
        scale = np.max(np.abs(np.where(np.isfinite(mine), mine, 0)), initial=0.0) + np.max(np.abs(right), initial=0.0)
        floor = floors.get(name, 0.0) if isinstance(floors, Mapping) else floors * scale
        parts.append(np.ravel(mine))
        least = max(_relative(mine, right, scale) * scale, float(np.max(floor)))
        tolerance.append(np.full(mine.size, np.inf if name in unclaimed else least))
        slices.append(slice(start, start + mine.size))
        start += mine.size
    batched = Batched(edges, base.seeds) if size_of(edges) <= ELEMENTS else None
    search = Search(edges, base, np.concatenate(parts), np.concatenate(tolerance), slices, batched)
    return search, GraphDictionary(edges, base)


def _relative(mine: np.ndarray, right: np.ndarray, scale: float) -> float:
    """What counts as equal in an array, relative to its scale: less than usual where the claim itself is off by little.
    A term that has nearly vanished, such as the derivative of a vector that has converged, may be all that is wrong."""
    off = float(np.max(np.abs(mine - right), initial=0.0))
    return min(RELATIVE, PART * off / scale) if off > ROUNDING * scale else RELATIVE


def _near(search: Search, given: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.abs(search.claimed - given) <= search.tolerance


def _pair(
    search: Search, seen: Seen, given: np.ndarray, bad: np.ndarray, likely: bool = False
) -> list[tuple[Explanation, _Hit]]:
    """Two entries that explain all that is left together."""
    for pairs in [seen.likely()] if likely else seen.pairs():
        pairs = [
            (a, b) for a, b in pairs if not (a.parts or b.parts or a.only >= 0 or b.only >= 0 or a.change or b.change)
        ]
        for start in range(0, len(pairs), ROWS):
            some = pairs[start : start + ROWS]
            rows = search.gradients([_together(a, b) for a, b in some])
            good = (np.abs(search.claimed - rows) <= search.tolerance).all(axis=1)
            for k in np.flatnonzero(good):
                if not _is_no_chance(search, given, rows[k], bad, float(len(seen.candidates)) ** 2):
                    continue
                both = []
                for one in some[k]:
                    same = [one, *(c for c in seen.like(one) if c is not one)]
                    (alone,) = search.gradients([one])
                    changed = (np.abs(alone - given) > search.tolerance) & bad
                    alike = [_Hit(c, alone, changed, True, 1) for c in same]
                    both.append((_explanation(search, alike), alike[0]))
                for one in some[k]:
                    search.keep(one)
                return both
    return []


def _together(a: Candidate, b: Candidate) -> Candidate:
    edits = {**a.edits}
    for where, edit in b.edits.items():
        edits[where] = _after(edits[where], edit) if where in edits else edit
    return replace(a, edits=edits, reach=a.reach | b.reach)


def _hits(
    search: Search, dictionary: GraphDictionary, given: np.ndarray, bad: np.ndarray, allowed: int, seen: Seen
) -> list[_Hit]:
    hits: list[_Hit] = []
    for tier in range(GraphDictionary.TIERS):
        candidates = dictionary.tier(tier, allowed)
        while batch := list(itertools.islice(candidates, ROWS)):
            search.tried += len(batch)
            with np.errstate(all="ignore"):
                rows = search.gradients(batch)
                good = np.abs(search.claimed - rows) <= search.tolerance
            seen.add(batch, rows - given)
            for k in np.flatnonzero(~(~good & ~bad).any(axis=1) & (good & bad).any(axis=1)):
                hit = _hit(search, batch[k], given, rows[k], good[k], bad)
                if hit is not None:
                    hits.append(hit)
            if tier == 0:
                hits += _fitted(search, batch, rows, given, bad)
        if any(h.fixed.sum() == bad.sum() and h.candidate.tier <= tier for h in hits):
            break
    hits.sort(key=lambda h: h.order)
    return hits


def _of_unused(search: Search, dictionary: GraphDictionary, given: Any) -> Iterator[_Hit]:
    """Inputs that take no part have gradients of zero: whatever is claimed instead is an entry of its own."""
    bad = ~_near(search, given)
    for b, (i, s) in enumerate(zip(search.edges.graph.inputs, search.slices, strict=True)):
        mine = search.claimed[s]
        if bad[s].any() and not dictionary.is_used(i) and np.isfinite(mine).all():
            fixed = bad & (np.arange(len(bad)) >= s.start) & (np.arange(len(bad)) < s.stop)
            instead = mine.reshape(np.shape(search.edges.graph.values[i]))
            candidate = Candidate(
                "a value where zero belongs",
                0,
                dictionary.last_frames(),
                0,
                leaf=b,
                change=partial(_always, instead),
            )
            yield _Hit(candidate, np.where(fixed, search.claimed, given), fixed, True, 1)


def _always(value: Any, _: Any, __: Any) -> Any:
    return value


def _fitted(search: Search, batch: list[Candidate], rows: Any, given: Any, bad: Any) -> list[_Hit]:
    """Claims that differ by a multiple of what goes through some edges: scaled by an unusual number."""
    hits = []
    apart = search.claimed - given
    for candidate, row in zip(batch, rows, strict=True):
        through = np.where(np.isfinite(search.tolerance), given - row, 0.0)
        with np.errstate(all="ignore"):
            size = float(through @ through)
        if candidate.kind != "dropped" or candidate.group is None or not size > 0 or np.count_nonzero(through) < 3:
            continue
        c = 1 + float(through @ apart) / size
        if np.all(np.abs(apart - (c - 1) * through) <= search.tolerance) and c not in (0.0, 1.0, 2.0, -1.0):
            norm = float(np.linalg.norm(search.claimed))
            clipped = abs(norm - round(norm, 3)) < RELATIVE * norm and abs(c) < 1
            new = replace(
                candidate,
                kind="clipped" if clipped else "scaled",
                tier=3,
                edits=dict.fromkeys(candidate.group.edges, Scaled(c)),
                found=f"to a norm of {norm:g}" if clipped else f"{c:.12g}",
            )
            (swept,) = search.gradients([new])
            good = np.abs(search.claimed - swept) <= search.tolerance
            if not (~good & ~bad).any() and (hit := _hit(search, new, given, swept, good, bad)) is not None:
                hits.append(hit)
    return hits


def _hit(search: Search, candidate: Candidate, given: Any, new: Any, good: Any, bad: Any) -> _Hit | None:
    fixed = good & bad
    if not _is_no_chance(search, given, new, fixed):
        return None
    changed = np.abs(new - given) > search.tolerance
    leaves = sum(1 for s in search.slices if bad[s].any() and good[s].all())
    return _Hit(candidate, new, fixed, not (changed & ~fixed).any(), leaves)


def _is_no_chance(search: Search, given: np.ndarray, new: np.ndarray, fixed: np.ndarray, tried: float = 0.0) -> bool:
    """Whether more digits agree than so many trials explain."""
    left = np.maximum(np.abs(search.claimed - new)[fixed], 1e-16 * np.abs(given[fixed]) + 1e-300)
    moved = np.abs(search.claimed - given)[fixed]
    digits = np.log10(moved / left)
    return float(np.sum(np.maximum(digits, 0))) >= np.log10(max(tried, search.tried, 1000)) + BEYOND_CHANCE


def _explanation(search: Search, hits: list[_Hit]) -> Explanation:
    names = list(search.edges.leaves.values())
    best = hits[0]
    same = [h for h in hits if np.all(np.abs(h.given - best.given) <= search.tolerance)]
    # A function within another one, such as the exponential in a sigmoid, is no place that anybody would look for.
    sought = [
        h for h in same if h.candidate.tier <= best.candidate.tier or not h.candidate.kind.startswith("activation's")
    ]
    frames = dict.fromkeys(f for h in sought for f in h.candidate.frames)
    explains = tuple(n for n, s in zip(names, search.slices, strict=True) if best.fixed[s].any())
    return Explanation(best.candidate, tuple(frames), explains, tuple(h.candidate for h in same[1:]))
