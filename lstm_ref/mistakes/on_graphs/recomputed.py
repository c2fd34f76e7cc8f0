"""A value that the backward pass recomputes differently from the forward: without a term, or from another state.

The forward is edited where one equation reads one operand, at every step, and what follows from it within the step is
recomputed. The derivatives that read those values, or some of them, read the new ones.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lstm_ref.graph.flatten import Equation
from lstm_ref.graph.sweep import Context, RuleEdit, Where
from lstm_ref.mistakes.on_graphs.activations import ELEMENTWISE
from lstm_ref.mistakes.on_graphs.candidate import Candidate
from lstm_ref.mistakes.on_graphs.edges import EdgeGroup, Frame, is_float, is_within
from lstm_ref.mistakes.on_graphs.forwarded import MOVES, is_move

if TYPE_CHECKING:
    from lstm_ref.mistakes.on_graphs.dictionary import GraphDictionary

READS_NOTHING = MOVES | {"add", "sub", "neg"}
"""Elementwise primitives whose derivative reads no value."""
WORK = 150_000
"""Largest number of equations computed anew and of edits of edges, over all entries."""
FAR = 40
"""Largest number of equations that are recomputed after an edit."""

NewValues = dict[int, Any]


class ForwardEdit(NamedTuple):
    """Other values for an operand of an equation, at all steps."""

    how: str
    values: list[Any]
    """The operand's values, one for each step."""


class Choice(NamedTuple):
    """Edges that may read new values, and which ones each may read."""

    reads: list[list[tuple[Where, tuple[int, ...]]]]
    """Step by step, the edges and the variables."""
    forbidden: list[set[int]]
    """Step by step, the variables that must not change, since a gradient that is right would."""


def recomputed(dictionary: GraphDictionary, allowed: int) -> Iterator[Candidate]:
    """The entries that change only the allowed inputs."""
    return _Recomputed(dictionary, allowed).candidates()


class _Recomputed:
    def __init__(self, dictionary: GraphDictionary, allowed: int) -> None:
        self.dictionary, self.edges, self.allowed = dictionary, dictionary.edges, allowed
        self.equations: list[Equation] = dictionary.graph.equations
        self.values = dictionary.values
        self._groups: dict[Any, EdgeGroup] = {}
        self._with_nan = {v for v, x in enumerate(self.values) if is_float(x) and np.any(np.not_equal(x, x))}
        self._variables = [(*e.operands, *e.results) for e in self.equations]
        self.rows = self._rows()
        self.work = 0
        self.row_of = {n: (key, t) for key, row in self.rows.items() for t, n in enumerate(row)}

    def _rows(self) -> dict[Any, list[int]]:
        """By place, the equations that repeat one another at all steps."""
        found: dict[Any, list[int]] = defaultdict(list)
        for n, e in enumerate(self.equations):
            if not is_move(e):
                found[(self.edges.place(e.kind), self.edges.turn(n), e.kind.shapes)].append(n)
        return found

    def _turn(self, n: int) -> tuple[int, int] | None:
        """Which run of its line an equation is, and of how many; a move counts as the equation that made the value."""
        while n not in self.row_of:
            maker = self.edges.maker.get(self.equations[n].operands[0])
            if maker is None:
                return None
            n = maker
        key, t = self.row_of[n]
        return t, len(self.rows[key])

    def _is_with(self, n: int, m: int) -> bool:
        """Whether two equations run in the same step: one of them may run several times in it, for each gate, say."""
        if (a := self._turn(n)) is None or (b := self._turn(m)) is None:
            return False
        (t, steps), (k, runs) = sorted((a, b), key=lambda turn: turn[1])
        return runs % steps == 0 and k // (runs // steps) == t and (steps > 1 or runs == 1)

    def candidates(self) -> Iterator[Candidate]:
        for row in self.rows.values():
            after = [self._after(n) for n in row]
            readers = [self._readers(n, inside) for n, inside in zip(row, after, strict=True)]
            choices = list(self._choices(readers))
            own = self._own(row, after) if choices else set()
            for k in range(len(self.equations[row[0]].operands) if choices else 0):
                for edit in _distinct(self._edits(row, k)):
                    edits: dict[Any, RuleEdit] = {}
                    seen: set[Any] = set()
                    for new, choice in self._changed(row, k, edit, after, own, choices):
                        candidate = self._candidate(row, edit, new, choice, edits, seen)
                        if candidate is not None:
                            self.work += len(candidate.edits)
                            yield candidate
                    if self.work > WORK:
                        return

    def _changed(
        self, row: list[int], k: int, edit: ForwardEdit, after: list[list[int]], own: set[int], choices: list[Choice]
    ) -> Iterator[tuple[list[NewValues], Choice]]:
        """The new values, all of them and then only the function's own, with the choices that find no forbidden
        variable changed."""
        found: list[NewValues] = [{}] * len(row)
        of_all, of_own = choices, choices if own else []
        for t in reversed(range(len(row))):  # most choices fail at the last step already
            found[t] = self._new(row[t], k, edit.values[t], after[t])
            of_all = [c for c in of_all if c.forbidden[t].isdisjoint(found[t])]
            of_own = [c for c in of_own if c.forbidden[t].isdisjoint(own.intersection(found[t]))]
            if not of_all and not of_own:
                return
        yield from ((found, choice) for choice in of_all)
        within = [{v: x for v, x in new.items() if v in own} for new in found] if of_own else []
        if any(len(a) < len(b) for a, b in zip(within, found, strict=False)):
            yield from ((within, choice) for choice in of_own)

    # ------------------------------------------------------------------------------------------------ forward again

    def _after(self, n: int) -> list[int]:
        """What follows from an equation within its step, in order."""
        found, todo = set[int](), [n]
        while todo and len(found) < FAR:
            for r in self.equations[todo.pop(0)].results:
                for m in self.edges.all_readers[r]:
                    if m > n and m not in found and self._is_with(n, m):
                        found.add(m)
                        todo.append(m)
        return sorted(found)

    def _new(self, n: int, k: int, value: Any, after: list[int]) -> NewValues:
        """The values that follow from another operand."""
        new: NewValues = {}
        self.work += 1 + len(after)
        with np.errstate(all="ignore"):
            for m in (n, *after):
                e = self.equations[m]
                if m != n and not any(i in new for i in e.operands):
                    continue  # it reads none of the new values
                xs = [new.get(i, self.values[i]) for i in e.operands]
                if m == n:
                    xs[k] = value
                given = e.kind.step(*xs)
                for r, y in zip(e.results, given if e.kind.several else [given], strict=True):
                    if not self._is_as_before(r, y):
                        new[r] = y
        return new

    def _is_as_before(self, v: int, new: Any) -> bool:
        if v in self._with_nan:
            return np.array_equal(new, self.values[v], equal_nan=True)
        return bool(np.equal(new, self.values[v]).all())

    def _own(self, row: list[int], after: list[list[int]]) -> set[int]:
        """The variables made by the function that makes the first, as if it were called once more. None if it has no
        caller."""
        stack = self.edges.stack(self.equations[row[0]].kind)
        depth, makers = len(stack) - 1, {*row, *itertools.chain(*after)} if len(stack) > 1 else set()
        inside = (m for m in makers if is_within(self.edges.stack(self.equations[m].kind), stack, depth))
        return {r for m in inside for r in self.equations[m].results}

    # --------------------------------------------------------------------------------------------------- what is read

    def _readers(self, n: int, after: list[int]) -> list[Where]:
        """The edges whose derivatives read the equation's result, or what follows from it."""
        changed = {r for m in (n, *after) for r in self.equations[m].results}
        unary = [n] if len(self.equations[n].operands) == 1 else []
        found: list[Where] = []
        for m in dict.fromkeys((*unary, *after)):
            e = self.equations[m]
            reads = e.primitive == "dot_general" or e.primitive in ELEMENTWISE - READS_NOTHING
            if reads and not changed.isdisjoint((*e.operands, *e.results)):
                found += [(m, j) for j in range(len(e.operands)) if (m, j) in self.edges.pulls]
        return found

    def _choices(self, readers: list[list[Where]]) -> Iterator[Choice]:
        """The choices of edges, of which one at least may be edited."""
        if not any(self._is_allowed(w) for row in readers for w in row):
            return
        for edges, only in self._subsets(readers):
            reads = [[(w, self._read_by(w)) for w in row] for row in edges]
            if only is not None:
                reads = [[(w, tuple(v for v in vs if self._names[v] == only)) for w, vs in row] for row in reads]
            reads = [[(w, vs) for w, vs in row if vs] for row in reads]
            if any(self._is_allowed(w) for row in reads for w, _ in row):
                yield Choice(reads, [{v for w, vs in row if self._is_forbidden(w) for v in vs} for row in reads])

    def _is_allowed(self, edge: Where) -> bool:
        return edge in self.edges.origin and not self._is_forbidden(edge)

    def _is_forbidden(self, edge: Where) -> bool:
        """Whether an edge reaches an input that is right."""
        reach = self.edges.effect[self.equations[edge[0]].operands[edge[1]]]
        return edge in self.edges.origin and bool(reach & ~self.allowed)

    def _subsets(self, readers: list[list[Where]]) -> Iterator[tuple[list[list[Where]], Any]]:
        """Sets of edges that may read the new values: all; those of a statement or of activations; all but those. And,
        for each single new value, all that read it."""
        labels: dict[Where, set[Any]] = {}
        for w in (w for row in readers for w in row):
            slopes = {"slope"} if w[0] in self._inside else set()
            labels[w] = {self.edges.statement.get(w, self.edges.stack(self.equations[w[0]].kind)), *slopes}
        yield readers, None
        seen = {frozenset(labels)}
        for label in dict.fromkeys(x for own in labels.values() for x in sorted(own, key=str)):
            for is_in in (True, False):
                chosen = [[w for w in row if (label in labels[w]) == is_in] for row in readers]
                key = frozenset(w for row in chosen for w in row)
                if key and key not in seen:
                    seen.add(key)
                    yield chosen, None
        names = dict.fromkeys(self._names[v] for w in labels for v in self._variables[w[0]])
        yield from ((readers, name) for name in names if name is not None)

    @cached_property
    def _inside(self) -> dict[int, Any]:
        """By equation of an activation, the name of its result."""
        found: dict[int, Any] = {}
        for visits in self.dictionary.regions_over_time:
            if len(visits[0].inside) < 2 and self.equations[visits[0].inside[0]].primitive not in ("tanh", "logistic"):
                continue
            for region in visits:
                for n in region.inside:
                    found.setdefault(n, self._made(region.y))
        return found

    def _made(self, v: int) -> Any:
        return self.edges.made_at.get(self.edges._origin(v), (None, 0))[0]

    @cached_property
    def _names(self) -> list[Any]:
        """Each value by the place that makes it, or as a part of an activation by that of its result."""
        makers = [self.edges.maker.get(v) for v in range(len(self.values))]
        return [None if n is None else self._inside.get(n, self._made(v)) for v, n in enumerate(makers)]

    # --------------------------------------------------------------------------------------------------------- edits

    def _edits(self, row: list[int], k: int) -> Iterator[ForwardEdit]:
        e = self.equations[row[0]]
        own = [self.equations[n].operands[k] for n in row]
        given = [self.values[i] for i in own]
        if not e.kind.floats[k] or np.asarray(given[0]).dtype.kind != "f":
            return
        word = self.edges.word(self.edges._origin(own[-1]))
        if e.primitive in ("add", "sub"):
            yield ForwardEdit(f"without {word}", [np.zeros_like(v) for v in given])
        if e.primitive in ("mul", "div"):
            yield ForwardEdit(f"without the factor {word}", [np.ones_like(v) for v in given])
        shape = e.kind.shapes[k]
        if e.primitive == "dot_general" and len(shape) == 2 and shape[0] == shape[1] > 1:
            yield ForwardEdit(f"with {word} transposed", [np.swapaxes(v, 0, 1) for v in given])
        origins = [self.edges._origin(i) for i in own]
        size = int(np.prod(shape))
        for line in dict.fromkeys(map(tuple, self._instead_of(origins, size))):
            if line != tuple(origins):
                values = [np.zeros(shape) if u is None else np.reshape(self.values[u], shape) for u in line]
                other = next((u for u, o in zip(reversed(line), reversed(origins), strict=True) if u != o), None)
                found = self.edges.word(other)
                yield ForwardEdit(
                    f"with {word} of another step" if found == word else f"with {found} for {word}", values
                )

    def _instead_of(self, own: list[int], size: int) -> Iterator[list[int | None]]:
        """What may be taken for a value: nothing, its own value at the step before, or anything of its shape."""
        yield [None] * len(own)
        yield [None, *own[:-1]]
        like = tuple(n for n in np.shape(self.values[own[-1]]) if n != 1)
        for how, line in self.dictionary.timelines:
            shape = np.shape(self.values[line[0]])
            if how == "constant" or int(np.prod(shape)) != size or tuple(n for n in shape if n != 1) != like:
                continue
            if len(line) == len(own):
                yield list(line)
            elif len(line) == 1 < len(own):
                yield [line[0]] * len(own)

    # ------------------------------------------------------------------------------------------------------ the entry

    def _candidate(
        self,
        row: list[int],
        edit: ForwardEdit,
        found: list[NewValues],
        choice: Choice,
        edits: dict[Any, RuleEdit],
        seen: set[Any],
    ) -> Candidate | None:
        """The entry; None if no edge reads a new value, or if all read the same in an entry that was seen before. The
        edits of edges are kept: entries share them."""
        mine: dict[Where, tuple[int, tuple[int, ...]]] = {}
        visits: list[tuple[Where, ...]] = []
        for t, (new, reads) in enumerate(zip(found, choice.reads, strict=True)):
            own = {w: (t, changed) for w, vs in reads if (changed := tuple(filter(new.__contains__, vs)))}
            for w, (_, changed) in own.items():
                if (t, w, changed) not in edits:
                    edits[t, w, changed] = self._reading(w, {v: new[v] for v in changed})
            mine |= own
            if visit := tuple(w for w in own if w in self.edges.origin):
                visits.append(visit)
        key = frozenset(mine.items())
        if not visits or key in seen:
            return None
        seen.add(key)
        group = self._group(tuple(visits))
        stack = self.edges.stack(self.equations[row[-1]].kind)
        name, frame = _named(stack)
        frames = tuple(dict.fromkeys((frame, *stack[-1:], *group.frames)))
        text = f"{name}, computed anew {edit.how}" if name else f"what is computed anew {edit.how}"
        return Candidate(
            "recomputed otherwise",
            4,
            frames,
            group.reach,
            {w: edits[t, w, changed] for w, (t, changed) in mine.items()},
            group=replace(group, frames=frames),
            found=text,
        )

    def _group(self, visits: tuple[tuple[Where, ...], ...]) -> EdgeGroup:
        if visits not in self._groups:
            self._groups[visits] = self.edges.group(visits)
        return self._groups[visits]

    def _read_by(self, edge: Where) -> tuple[int, ...]:
        """The variables that the derivative along an edge reads."""
        e, k = self.equations[edge[0]], edge[1]
        if e.primitive in ("mul", "dot_general") or (e.primitive == "div" and k == 0):
            return (e.operands[1 - k],)
        return self._variables[edge[0]]

    def _reading(self, edge: Where, new: NewValues) -> RuleEdit:
        e, pull = self.equations[edge[0]], self.edges.pulls[edge]

        def edit(c: Any, at: Context) -> Any:
            if at.bar is None:
                return None
            xs = [new.get(i, self.values[i]) for i in e.operands]
            return pull(at.bar, xs, [new.get(r, self.values[r]) for r in e.results])

        return edit


def _distinct(edits: Iterator[ForwardEdit]) -> Iterator[ForwardEdit]:
    """Of edits with the same values, the first."""
    seen: set[Any] = set()
    for edit in edits:
        if (values := tuple(np.asarray(v).tobytes() for v in edit.values)) not in seen:
            seen.add(values)
            yield edit


@cache
def _named(stack: tuple[Frame, ...]) -> tuple[str, Frame]:
    """The name that the innermost statement with one gives to what is computed, and the statement."""
    for frame in reversed(stack):
        try:
            statement = ast.parse(frame.text).body[0]
        except (SyntaxError, IndexError):
            continue
        if isinstance(statement, ast.Assign):
            return ast.unparse(statement.targets[-1]), frame
    return "", stack[-1] if stack else Frame("", 0, "")
