"""The dictionary: every mistake that is tried, the plainest first.

A candidate is a set of edited edges, or a change of one input's gradient after the sweep. Its tier says how plain it
is; of candidates that explain the same, one of the lowest tier is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from lstm_ref.graph.rules import unbroadcast
from lstm_ref.graph.sweep import Context, RuleEdit, Where
from lstm_ref.mistakes.on_graphs.activations import Region, derivative_at, name_of, regions, sigmoid, value_at
from lstm_ref.mistakes.on_graphs.candidate import Candidate, instead, multiplied, times
from lstm_ref.mistakes.on_graphs.edges import EdgeGroup, Edges, Frame, is_float
from lstm_ref.mistakes.on_graphs.loops import is_nested, neighbours
from lstm_ref.mistakes.on_graphs.products import kernels, log_terms, reversed_kernels, transposed_and_another
from lstm_ref.mistakes.on_graphs.recomputed import recomputed

READING = frozenset(("mul", "div", "dot_general", "pow", "square", "integer_pow", "log", "sqrt", "max"))
"""Primitives whose derivative reads values."""
MOST_BLOCKS = 4
"""Largest number of blocks of which every order is tried; of more, only every exchange of two."""
OTHER_ACTIVATION = "activation's derivative of another activation"
BOUNDS = (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds that people clip to."""


class GraphDictionary:
    """The candidates of a graph."""

    def __init__(self, edges: Edges, base: Any) -> None:
        self.edges, self.base = edges, base
        self.graph = edges.graph
        self.values = self.graph.values
        self.sizes = self._sizes()
        self.constants = self._constants()
        self.timelines = self._timelines()
        self._tiers: dict[tuple[int, int], list[Candidate]] = {}

    def tier(self, n: int, allowed: int) -> Iterator[Candidate]:
        """The candidates of a tier that change only the allowed inputs. They are made once: where several mistakes are
        searched one after another, each search tries all of them."""
        if (n, allowed) not in self._tiers:
            self._tiers[n, allowed] = list(self._made(n, allowed))
        yield from self._tiers[n, allowed]

    def _made(self, n: int, allowed: int) -> Iterator[Candidate]:
        makers: list[tuple[Callable[[EdgeGroup], Iterator[Candidate]], ...]] = [
            (self.scaled,),
            (self.masked, self.products, self._of(reversed_kernels), self.broadcasts, self.residuals, self.gathers),
            (self.clipped, self.constants_missing, self.other_adjoints, self.values_read, self.aliased),
            (
                *(self.other_adjoints_of_values, self.extra_factors, self.truncated, self.added),
                *(self._of(transposed_and_another), self._of(log_terms)),
            ),
        ]
        if n == 0:
            yield from self.of_inputs(allowed)
            yield from self.activations(allowed)
        for make in makers[n] if n < len(makers) else ():
            for group in self.edges.groups:
                if not group.reach & ~allowed:
                    yield from (c for c in make(group) if not c.reach & ~allowed)
        if n == 1:
            yield from (c for c in kernels(self) if not c.reach & ~allowed)
        if n == 2:
            yield from self.rotated(allowed)
            yield from (c for c in self.blocks() if not c.reach & ~allowed)
        if n == 3:
            yield from (c for c in self.starts() if not c.reach & ~allowed)
            for group in self.edges.groups:
                if group.lag and group.reach & ~allowed and group.reach & allowed == allowed:
                    edits: dict[Where, RuleEdit] = dict.fromkeys(group.edges, times(0.0))
                    frames = dict.fromkeys((*self._frames_of_leaves(allowed), *group.frames))
                    yield Candidate("carry left out", 3, tuple(frames), allowed, edits, group=group, only=allowed)

        if n == 4:
            yield from recomputed(self, allowed)

    TIERS = 5

    def _of(self, make: Callable[[GraphDictionary, EdgeGroup], Iterator[Candidate]]) -> Any:
        return partial(make, self)

    def is_used(self, v: int) -> bool:
        """Whether an equation reads a variable."""
        return any(v in e.operands for e in self.graph.equations) or v in self.graph.outputs

    def last_frames(self) -> tuple[Frame, ...]:
        """The line that gives the output."""
        return self.edges.stack(self.graph.equations[-1].kind)[-1:] if self.graph.equations else ()

    def _frames_of_leaves(self, which: int) -> list[Frame]:
        found = []
        for b, i in enumerate(self.graph.inputs):
            if which >> b & 1:
                found += self._frames_reading(i)
        return found

    def _frames_reading(self, v: int) -> list[Frame]:
        """The statements that read a value, or parts of it."""
        found: dict[Frame, None] = {}
        for e in self.edges.readers.get(v, ()):
            equation = self.graph.equations[e[0]]
            if equation.primitive in ("slice", "gather", "unstack", "transpose", "squeeze"):
                for r in equation.results:
                    found.update(dict.fromkeys(self._frames_reading(r)))
            elif self.edges.statement[e]:
                found[self.edges.statement[e][-1]] = None
        return list(found)

    # -------------------------------------------------------------------------------------------------- what is known

    def _sizes(self) -> dict[float, str]:
        found: dict[float, str] = {}
        for v in (*self.graph.inputs, *range(len(self.values))):
            for n in np.shape(self.values[v]):
                if n > 1:
                    found.setdefault(float(n), f"{n}")
        for visits in (len(g.visits) for g in self.edges.groups):
            if visits > 1:
                found.setdefault(float(visits), f"{visits}")
        for a, b in itertools.combinations(list(found)[:4], 2):
            found.setdefault(a * b, f"({a:g}·{b:g})")
        return found

    def _constants(self) -> dict[float, str]:
        """Numbers that the forward multiplies by, in words; a divisor counts as its inverse."""
        found: dict[float, str] = {}
        for e in self.graph.equations:
            if e.primitive in ("mul", "div", "integer_pow"):
                for k, i in enumerate(e.operands):
                    v = self.values[i]
                    if not self.edges.reach[i] and np.size(v) == 1 and np.isfinite(v) and abs(v) not in (0.0, 1.0):
                        c = float(np.ravel(v)[0])
                        divides = e.primitive == "div" and k == 1
                        found.setdefault(1 / c if divides else c, f"1 / {c:g}" if divides else f"{c:g}")
        return found

    @cached_property
    def has_logarithms(self) -> bool:
        """Whether sums of logarithms are likely."""
        return any(e.primitive == "log" and self.edges.reach[e.results[0]] for e in self.graph.equations)

    @cached_property
    def log_summands(self) -> list[list[int]]:
        """Timelines of values that are added to or subtracted from something that depends on the inputs."""
        added = {i for e in self.graph.equations if e.primitive in ("add", "sub") for i in e.operands}
        added |= {self.edges._origin(i) for i in added}
        return [line for _, line in self.timelines if not added.isdisjoint(line)]

    def neighbours(self, group: EdgeGroup) -> Iterator[tuple[str, list[int]]]:
        """For nested loops, which other visit's value each visit may read instead."""
        if len(group.visits) > 1 and is_nested(self.edges.stack(self.graph.equations[group.visits[0][0][0]].kind)):
            yield from neighbours(len(group.visits))

    def _timelines(self) -> list[tuple[str, list[int]]]:
        """Values over time, as they are made and as they are read."""
        found: dict[tuple[int, ...], str] = {}
        for vs in self.edges.made.values():
            found.setdefault(tuple(vs), "made")
        for group in self.edges.groups:
            if group.is_site:
                found.setdefault(tuple(self.edges.origin[visit[0]] for visit in group.visits), "read")
        constants: dict[Any, list[int]] = {}
        for e in self.graph.equations:
            if e.primitive in ("mul", "div", "dot_general", "sub", "select_n"):
                for k, i in enumerate(e.operands):
                    if not self.edges.reach[i] and np.ndim(self.values[i]) and is_float(self.values[i]):
                        constants.setdefault((self.edges.place(e.kind), e.primitive, k), []).append(i)
        for vs in constants.values():
            found.setdefault(tuple(vs), "constant")
        return [(how, list(vs)) for vs, how in found.items() if is_float(self.values[vs[0]])]

    def candidate(self, kind: str, tier: int, group: EdgeGroup, edits: dict[Where, RuleEdit], **more: Any) -> Candidate:
        """An entry for edges of a group."""
        return Candidate(kind, tier, group.frames, group.reach, edits, group=group, **more)

    # ----------------------------------------------------------------------------------------------------- of groups

    def scaled(self, group: EdgeGroup) -> Iterator[Candidate]:
        """Dropped, doubled, negated."""
        for kind, c in (("dropped", 0.0), ("doubled", 2.0), ("negated", -1.0)):
            yield self.candidate(kind, 0, group, dict.fromkeys(group.edges, times(c)))

    def masked(self, group: EdgeGroup) -> Iterator[Candidate]:
        """Right at some visits only."""
        n = len(group.visits)
        if n < 2:
            return
        masks: list[tuple[str, Sequence[int]]] = [
            ("first visit alone", range(1, n)),
            ("last visit alone", range(n - 1)),
        ]
        masks += [(f"cut after {n - k} steps", (k,)) for k in range(1, n - 1)] if group.lag or not group.is_site else []
        masks += [("step 0 left out", (0,)), ("last step left out", (n - 1,))]
        masks += [(f"first {k} steps left out", range(k)) for k in range(2, n - 1)]
        masks += [(f"last {k} steps left out", range(n - k, n)) for k in range(2, n - 1)]
        for kind, gone in masks:
            edits = {e: times(0.0) for k in gone for e in group.visits[k]}
            is_of_one = kind == "first visit alone" and group.reach & (group.reach - 1) == 0
            yield self.candidate("overwritten" if is_of_one else kind, 1, group, edits)

    def constants_missing(self, group: EdgeGroup) -> Iterator[Candidate]:
        """A constant factor missing, twice, or another; a mean for a sum and the reverse."""
        if not group.is_site and not group.is_of_all_readers:
            return
        factors: dict[float, tuple[str, str]] = {}
        for size, name in self.sizes.items():
            factors.setdefault(1 / size, ("mean for sum", f"1/{name}"))
            factors.setdefault(size, ("sum for mean", name))
        for c, word in self.constants.items():
            factors.setdefault(1 / c, ("factor missing", word))
            factors.setdefault(c, ("factor twice", word))
            factors.setdefault(-1 / c, ("factor missing", f"-{word}"))
            if 0 < c < 1:
                factors.setdefault((1 - c) / c, ("other factor", f"{1 - c:g} for {word}"))
        factors.setdefault(0.5, ("halved", "1/2"))
        for c, (kind, name) in factors.items():
            if c not in (0.0, 1.0, -1.0, 2.0):
                yield self.candidate(kind, 2, group, dict.fromkeys(group.edges, times(c)), found=name)

    def broadcasts(self, group: EdgeGroup) -> Iterator[Candidate]:
        """Where the forward repeats a value, its gradient is a sum: wrong are the first row alone, a sum over all, a
        mean."""
        if not group.is_site:
            return
        n, k = group.visits[0][0]
        e = self.graph.equations[n]
        if e.primitive not in ("add", "sub", "mul", "div", "broadcast_in_dim", "max", "min"):
            return
        own, result = e.kind.shapes[k], e.kind.result_shapes[0]
        if np.prod(own) == np.prod(result):
            return
        copies = float(np.prod(result) / max(np.prod(own), 1))
        sign = -1.0 if e.primitive == "sub" and k == 1 else 1.0
        yield self.candidate("mean for sum", 1, group, dict.fromkeys(group.edges, times(1 / copies)))
        yield self.candidate(
            "summed over all axes", 1, group, dict.fromkeys(group.edges, lambda c, at: np.full(np.shape(c), np.sum(c)))
        )
        if e.primitive in ("add", "sub"):
            whole = lambda at: sign * at.bar  # noqa: E731
        elif e.primitive == "mul":
            whole = lambda at: at.bar * at.operands[1 - k]  # noqa: E731
        else:
            return
        for name, row in (("first row alone", 0), ("last row alone", -1)):

            def one(c: Any, at: Context, row: int = row) -> Any:
                bar = np.broadcast_to(whole(at), result)
                out, extra = bar, len(result) - len(own)
                for _ in range(extra):
                    out = out[row]
                for axis, size in enumerate(own):
                    if size == 1 and out.shape[axis] != 1:
                        out = np.take(out, [row], axis)
                return out

            yield self.candidate(name, 1, group, dict.fromkeys(group.edges, one))

    def clipped(self, group: EdgeGroup) -> Iterator[Candidate]:
        """Clipped on the way back."""
        for bound in BOUNDS:
            if len(group.visits[0]) == 1:
                clip = partial(_clipped, bound)
                yield self.candidate(
                    "clipped on the way", 2, group, dict.fromkeys(group.edges, clip), found=f"±{bound:g}"
                )
            if group.is_of_all_readers:
                clip_sum = lambda s, b=bound: np.clip(s, -b, b)  # noqa: E731
                yield self.candidate(
                    "clipped on the way", 2, group, self._of_sums(group, clip_sum), found=f"±{bound:g}"
                )

    def _of_sums(self, group: EdgeGroup, change: Callable[..., Any]) -> dict[Where, RuleEdit]:
        """An edit of the whole adjoint of a value, made where its last contribution arrives."""
        edits: dict[Where, RuleEdit] = {}
        for visit in group.visits:
            first = min(visit)
            i = self.graph.equations[first[0]].operands[first[1]]
            if any(self.graph.equations[n].operands[k] != i for n, k in visit):
                continue

            def edit(c: Any, at: Context, i: int = i) -> Any:
                so_far = at.adjoint(i)
                so_far = 0.0 if so_far is None else so_far
                return change(so_far + c) - so_far

            edits[first] = edit
        return edits

    # --------------------------------------------------------------------------------------------- factors and values

    def factor_beside(self, group: EdgeGroup) -> str:
        """The other factor of a product, in words; empty if none can be given."""
        n, k = group.visits[-1][0]
        e = self.graph.equations[n]
        if as_written := self.edges.other_factor(n, k):
            return as_written
        other = e.operands[1 - k]
        if self.edges.reach[other]:
            word = self.edges.word(self.edges._origin(other))
        else:
            value = np.ravel(self.values[other])
            word = f"{value[0]:.6g}" if value.size and np.all(value == value[0]) else ""
        return f"1 / {word}" if word and e.primitive == "div" and k == 0 else word if e.primitive != "div" else ""

    def products(self, group: EdgeGroup) -> Iterator[Candidate]:
        """The other factor missing, or another value in its place; a matrix not transposed."""
        if not group.is_site:
            return
        n, k = group.visits[0][0]
        e = self.graph.equations[n]
        if e.primitive in ("mul", "div", "dot_general"):
            edits = {w: _without(e.kind.shapes[k]) for w in group.edges}
            yield self.candidate("factor missing", 1, group, edits, found=self.factor_beside(group))
        if e.primitive == "div" and k == 1:  # −a / b for −a / b²
            lacking: dict[Where, RuleEdit] = dict.fromkeys(group.edges, lambda c, at: c * at.operands[1])
            found = f"1 / {self.edges.word(self.edges._origin(e.operands[1]))}"
            yield self.candidate("factor missing", 1, group, lacking, found=found)
        if e.primitive == "dot_general":
            yield from self._not_transposed(group)
        if e.primitive == "integer_pow" or e.primitive == "square":
            yield self.candidate(
                "factor missing", 1, group, dict.fromkeys(group.edges, lambda c, at: c / at.operands[0])
            )

    def _not_transposed(self, group: EdgeGroup) -> Iterator[Candidate]:
        n, k = group.visits[0][0]
        e, other = self.graph.equations[n], 1 - k
        shape = e.kind.shapes[other]
        if len(shape) >= 2 and shape[-2] == shape[-1] > 1:
            edits = {w: self.with_operand(w, other, lambda v: np.swapaxes(v, -2, -1)) for w in group.edges}
            yield self.candidate("transposed", 1, group, edits)
        if len(e.kind.shapes[k]) == 2 and e.kind.shapes[k][0] == e.kind.shapes[k][1]:
            yield self.candidate("transposed", 1, group, dict.fromkeys(group.edges, lambda c, at: c.T))

    def with_operand(self, edge: Where, operand: int, change: Callable[[Any], Any]) -> RuleEdit:
        """What the edge hands back where its derivative reads a changed operand."""
        pull = self.edges.pulls[edge]

        def edit(c: Any, at: Context) -> Any:
            xs = list(at.operands)
            xs[operand] = change(xs[operand])
            return pull(at.bar, xs, at.results)

        return edit

    def values_read(self, group: EdgeGroup) -> Iterator[Candidate]:
        """The derivative reads a wrong value for the other operand or the result: a neighbour's, or another step's."""
        if not group.is_site:
            return
        n, k = group.visits[0][0]
        e = self.graph.equations[n]
        if e.primitive not in READING:
            return
        where = [0] if len(e.operands) == 1 else [j for j in range(len(e.operands)) if e.primitive != "mul" or j != k]
        for j in where:
            if e.primitive == "dot_general" and j == k:
                continue
            own = [self.edges._origin(self.graph.equations[v[0][0]].operands[j]) for v in group.visits]
            seen = {tuple(own)}
            beside = ((kind, [own[at] for at in row]) for kind, row in self.neighbours(group))
            for kind, numbers in itertools.chain(beside, self._in_the_place_of(own, group, e.kind.shapes[j])):
                key = tuple(numbers)
                if key in seen or any(
                    u is not None and np.size(self.values[u]) != np.prod(e.kind.shapes[j]) for u in key
                ):
                    continue
                seen.add(key)
                edits: dict[Where, RuleEdit] = {}
                for v, mine, u in zip(group.visits, own, numbers, strict=True):
                    if u != mine:
                        shape = e.kind.shapes[j]
                        value = np.zeros(shape) if u is None else np.reshape(self.values[u], shape)
                        edits[v[0]] = self.with_operand(v[0], j, partial(instead, value))
                if edits:
                    yield self.candidate(
                        kind,
                        2,
                        group,
                        edits,
                        found=self.edges.word(
                            next(u for u, m in zip(reversed(numbers), reversed(own), strict=True) if u != m)
                        ),
                    )

    def rotated(self, allowed: int) -> Iterator[Candidate]:
        """Values of the step before or after, wrapping around: sums over all steps may still be right."""
        for group in self.edges.groups:
            n, k = group.visits[0][0]
            e = self.graph.equations[n]
            if not group.is_site or not group.reach & ~allowed or len(group.visits) < 2 or e.primitive not in READING:
                continue
            for j in range(len(e.operands)):
                own = [self.edges._origin(self.graph.equations[v[0][0]].operands[j]) for v in group.visits]
                if j == k and len(e.operands) > 1:
                    continue
                for row in ([own[-1], *own[:-1]], [*own[1:], own[0]]):
                    edits: dict[Where, RuleEdit] = {}
                    for v, u in zip(group.visits, row, strict=True):
                        value = self.values[u]
                        edits[v[0]] = self.with_operand(v[0], j, partial(instead, value))
                    yield self.candidate("shifted in time", 2, group, edits, found=self.edges.word(row[-1]))

    def blocks(self) -> Iterator[Candidate]:
        """Blocks of one array that the backward reads in another order than the forward: gates that are slices of their
        pre-activations, halves of a concatenation."""
        for visits in (*self._slices(), *self._joined()):
            number = len(visits[0])
            orders = itertools.permutations(range(number)) if number <= MOST_BLOCKS else _exchanges(number)
            for order in orders:
                if order == tuple(range(number)):
                    continue
                edits: dict[Where, RuleEdit] = {}
                for blocks in visits:
                    edits |= self._in_order(blocks, order)
                group = self.edges.group([tuple(blocks) for blocks in visits])
                found = ", ".join(f"{j + 1} for {k + 1}" for k, j in enumerate(order) if j != k)
                yield self.candidate("blocks in another order", 2, group, edits, found=found)

    def _slices(self) -> Iterator[list[tuple[Where, ...]]]:
        """Visit by visit, the edges of slices of equal shape that are taken of one value."""
        of_value: dict[int, list[int]] = {}
        for n, e in enumerate(self.graph.equations):
            if e.primitive == "slice" and (n, 0) in self.edges.pulls and e.operands[0] in self.edges.maker:
                of_value.setdefault(e.operands[0], []).append(n)
        found: dict[Any, list[tuple[Where, ...]]] = {}
        for numbers in of_value.values():
            kinds = [self.graph.equations[n].kind for n in numbers]
            windows = {(k.params["start_indices"], k.params["limit_indices"]) for k in kinds}
            if 1 < len(numbers) == len(windows) and len({k.result_shapes for k in kinds}) == 1:
                key = tuple(self.edges.place(k) for k in kinds)
                found.setdefault(key, []).append(tuple((n, 0) for n in numbers))
        yield from found.values()

    def _joined(self) -> Iterator[list[tuple[Where, ...]]]:
        """Visit by visit, the edges of a concatenation whose parts have equal shapes."""
        found: dict[Any, list[tuple[Where, ...]]] = {}
        for n, e in enumerate(self.graph.equations):
            parts = [(n, k) for k in range(len(e.operands)) if (n, k) in self.edges.pulls]
            if e.primitive == "concatenate" and len(parts) > 1 and len(set(e.kind.shapes)) == 1:
                found.setdefault((self.edges.place(e.kind), len(parts)), []).append(tuple(parts))
        yield from found.values()

    def _in_order(self, blocks: tuple[Where, ...], order: tuple[int, ...]) -> dict[Where, RuleEdit]:
        """Each block is given what belongs to the block that takes its place in this order."""
        pulls, equations = self.edges.pulls, self.graph.equations
        if blocks[0][0] == blocks[-1][0]:  # parts of one concatenation

            def of(other: Where) -> RuleEdit:
                return lambda c, at: pulls[other](at.bar, at.operands, at.results)

            return {blocks[k]: of(blocks[j]) for k, j in enumerate(order) if j != k}

        def total(c: Any, at: Context) -> Any:
            given = [at.adjoint(equations[n].results[0]) for n, _ in blocks]
            parts = [
                pulls[w](given[j], at.operands, at.results)
                for w, j in zip(blocks, order, strict=True)
                if given[j] is not None
            ]
            return sum(parts[1:], parts[0]) if parts else None

        # The sweep comes to the first slice last, when the adjoints of all are known.
        return {**dict.fromkeys(blocks[1:], times(0.0)), blocks[0]: total}

    def _in_the_place_of(
        self, own: list[int], group: EdgeGroup, shape: tuple[int, ...]
    ) -> Iterator[tuple[str, list[Any]]]:
        """Rows of variables, one a visit, that can be mistaken for these."""
        count, size = len(own), int(np.prod(shape))
        squeezed = tuple(s for s in shape if s != 1)
        if count > 1:
            yield "shifted in time", [own[-1], *own[:-1]]
            yield "shifted in time", [None, *own[:-1]]
            yield "shifted in time", [*own[1:], own[0]]
            yield "shifted in time", [*own[1:], None]
            yield "shifted in time", [*own[1:], own[-1]]
            yield "step 0 read wrongly", [None, *own[1:]]
            yield "step 0 read wrongly", [own[-1], *own[1:]]
            yield "other factor", [own[0]] * count
            yield "other factor", [own[-1]] * count
            yield "other factor", own[::-1]
        ends = [self.graph.equations[visit[0][0]].results[0] for visit in group.visits]
        for _, line in self.timelines:
            value = self.values[line[0]]
            if np.size(value) != size or tuple(s for s in np.shape(value) if s != 1) != squeezed:
                continue
            if np.asarray(value).dtype.kind != "f":
                continue
            if len(line) == count:
                kind = "shifted in time" if self._is_neighbour_in_time(own, line) else "other factor"
                yield kind, line
                if count > 1:
                    yield "step 0 read wrongly", [line[-1], *own[1:]]
                if count > 1 and not set(own).isdisjoint(line):  # another part of the same history
                    yield "shifted in time", [line[-1], *own[:-1]]
                    yield "shifted in time", [line[0], *own[:-1]]
                    yield "shifted in time", [*own[1:], line[-1]]
                    yield "shifted in time", [line[-1], *line[:-1]]
                    yield "shifted in time", [None, *line[:-1]]
                    yield "shifted in time", [*line[1:], None]
            elif len(line) == 1:
                yield "other factor", line * count
                if count > 1:
                    yield "shifted in time", [line[0], *own[:-1]]
                    yield "shifted in time", [*own[1:], line[0]]
            else:
                made = [(self.edges.made_with(u), u) for u in line]
                before = [max((u for at, u in made if at < end), default=None) for end in ends]
                after = [min((u for at, u in made if at > end), default=None) for end in ends]
                yield "other factor", before
                yield "shifted in time", after

    @staticmethod
    def _is_neighbour_in_time(own: list[int], line: list[int]) -> bool:
        return len(own) > 1 and (own[1:] == line[:-1] or line[1:] == own[:-1])

    def gathers(self, group: EdgeGroup) -> Iterator[Candidate]:
        """Elements that are read several times, as an embedding's rows are for repeated tokens: only the last
        contribution to each is kept, within each visit or over all visits."""
        n, k = group.visits[0][0]
        e = self.graph.equations[n]
        if not group.is_site or e.primitive != "gather" or k != 0:
            return
        shape = e.kind.shapes[0]
        numbers = np.arange(float(np.prod(shape))).reshape(shape)
        written = np.zeros(numbers.size, bool)
        each: dict[Where, RuleEdit] = {}
        over_all: dict[Where, RuleEdit] = {}
        is_repeated = False
        for ((m, _),) in group.visits:
            indices = [self.values[i] for i in self.graph.equations[m].operands[1:]]
            read = np.ravel(self.graph.equations[m].kind.step(numbers, *indices)).astype(int)
            is_repeated = is_repeated or bool(written[read].any()) or np.unique(read).size < read.size
            each[m, 0] = partial(_last_of, read, np.zeros(0, int))
            over_all[m, 0] = partial(_last_of, read, np.flatnonzero(written))
            written[read] = True
        if is_repeated:
            yield self.candidate("last of several", 1, group, each)
            if len(group.visits) > 1:
                yield self.candidate("last of several", 1, group, over_all)

    def residuals(self, group: EdgeGroup) -> Iterator[Candidate]:
        """In the derivative of a squared difference, one of the two values is missing, has the wrong sign, or is
        another step's."""
        if not group.is_site or self.graph.equations[group.visits[0][0][0]].primitive not in ("sub", "add"):
            return
        squares = []
        for visit in group.visits:
            y = self.graph.equations[visit[0][0]].results[0]
            readers = self.edges.readers.get(y, [])
            if not readers or self.graph.equations[readers[0][0]].primitive not in ("square", "integer_pow"):
                return
            squares.append(readers[0])
        operands = [self.graph.equations[visit[0][0]].operands for visit in group.visits]
        a, b = ([self.values[o[j]] for o in operands] for j in (0, 1))
        minus = -1.0 if self.graph.equations[group.visits[0][0][0]].primitive == "sub" else 1.0
        zero = [0.0] * len(a)
        forms = [("dropped", a, zero), ("dropped", zero, b), ("negated", a, [-v for v in b])]
        if len(a) > 1:
            for x, y in (([a[-1], *a[:-1]], b), (a, [b[-1], *b[:-1]]), ([*a[1:], a[0]], b), (a, [*b[1:], b[0]])):
                forms.append(("shifted in time", x, y))
        for kind, left, right in forms:
            edits: dict[Where, RuleEdit] = {}
            for visit, square, x, y in zip(group.visits, squares, left, right, strict=True):
                read = self.edges.pulls[square]
                own = self.edges.pulls[visit[0]]
                result = self.graph.equations[square[0]].results[0]

                def edit(
                    c: Any, at: Context, v: Any = x + minus * y, read: Any = read, own: Any = own, r: int = result
                ) -> Any:
                    bar = at.adjoint(r)
                    if bar is None:
                        return None
                    v = np.broadcast_to(v, np.shape(at.bar))
                    return own(np.reshape(read(bar, [v], [v * v]), np.shape(at.bar)), at.operands, at.results)

                edits[visit[0]] = edit
            yield self.candidate(kind, 1, group, edits, found=("left" if left is zero else "right"))

    def aliased(self, group: EdgeGroup) -> Iterator[Candidate]:
        """An array multiplied in place, though others of the same statement read it afterwards."""
        if not group.is_site or self.graph.equations[group.visits[0][0][0]].primitive != "mul":
            return
        k = group.visits[0][0][1]
        here = self._statement(group)
        others = [
            g
            for g in self.edges.groups
            if g.is_site and g is not group and self._statement(g) == here and len(g.visits) == len(group.visits)
        ]
        others = [g for g in others if self.graph.equations[g.visits[0][0][0]].primitive in ("mul", "add", "sub")]
        if len(others) > 6:
            return
        factors = [self.values[self.graph.equations[v[0][0]].operands[1 - k]] for v in group.visits]
        for size in range(1, len(others) + 1):
            for chosen in itertools.combinations(others, size):
                edits: dict[Where, RuleEdit] = {}
                reach, fits = 0, True
                for g in chosen:
                    reach |= g.reach
                    for visit, f in zip(g.visits, factors, strict=True):
                        fits = fits and np.shape(f) == np.shape(
                            self.values[self.graph.equations[visit[0][0]].operands[visit[0][1]]]
                        )
                        edits[visit[0]] = multiplied(f)
                if fits:
                    yield Candidate(
                        "aliased",
                        2,
                        group.frames,
                        reach,
                        edits,
                        group=group,
                        found=self.edges.word(self.graph.equations[group.visits[-1][0][0]].operands[1 - k]),
                    )

    def _statement(self, group: EdgeGroup) -> Any:
        return self.edges.statement[group.visits[0][0]][-1:]

    def truncated(self, group: EdgeGroup) -> Iterator[Candidate]:
        """The adjoint of each output is carried back through a limited number of steps."""
        n = len(group.visits)
        if n < 3:
            return
        carried = [self.edges.origin[visit[0]] for visit in group.visits]
        if len(set(carried)) < n or any(
            self.edges.origin[e] != v for visit, v in zip(group.visits, carried, strict=True) for e in visit
        ):
            return
        made = {v: t for t, v in enumerate(carried)}
        heads: list[list[Where]] = [[] for _ in range(n + 1)]
        key = self.edges.made_at.get(carried[-1])
        if key is None or key[0][0] == "input":
            return
        last = [v for v in self.edges.made[key[0]] if v > carried[-1]][:1]
        for t, v in enumerate([*carried[1:], *last]):
            heads[t] = [e for e in self.edges.readers.get(v, ()) if e not in group.edges]
        del made
        every = [e for row in heads for e in row]
        if not every or sum(1 for row in heads if row) < 2:
            return
        none: dict[Where, RuleEdit] = dict.fromkeys(every, times(0.0))
        for k in range(1, n):
            parts = []
            for s, row in enumerate(heads):
                if row:
                    edits = {e: z for e, z in none.items() if e not in set(row)}
                    for t in range(0, s - k + 1):
                        edits |= dict.fromkeys(group.visits[t], times(0.0))
                    parts.append(edits)
            yield self.candidate(f"cut after {k} steps", 3, group, none, parts=tuple(parts))

    def added(self, group: EdgeGroup) -> Iterator[Candidate]:
        """The adjoint from something that reads the last step alone is added at every step."""
        own = self.edges.origin[group.visits[0][0]]
        key = self.edges.made_at.get(own)
        if key is None or key[0][0] == "input" or own != self.edges.made[key[0]][-1]:
            return
        line = self.edges.made[key[0]]
        if group.is_site and len(group.visits) == 1 and len(line) > 1:
            n, k = group.visits[0][0]
            e = self.graph.equations[n]
            bars = [self.base.bars[r] for r in e.results]
            if all(b is not None for b in bars):
                xs, ys = [self.values[i] for i in e.operands], [self.values[r] for r in e.results]
                given = self.edges.pulls[n, k](bars if e.kind.several else bars[0], xs, ys)
                for first in (0, 1):
                    edits = self._adding(line[first:-1], given)
                    if edits:
                        yield self.candidate("head at every step", 3, group, edits)

    def starts(self) -> Iterator[Candidate]:
        """An adjoint that does not start at zero."""
        lasts = [line for key, line in self.edges.made.items() if key[0] != "input" and len(line) > 1]
        for mine, other in itertools.permutations(lasts, 2):
            bar = self.base.bars[other[-1]]
            if bar is None or np.shape(bar) != np.shape(self.values[mine[-1]]):
                continue
            edits = self._adding(mine[-1:], bar)
            if edits:
                visits = [self.edges.readers[mine[-1]]]
                group = self.edges.group(visits)
                reading = self._frames_reading(mine[-2])
                frames = tuple(dict.fromkeys((*group.frames, *self.edges._made_in(mine[-1])[-1:], *reading)))
                yield Candidate(
                    "a value where zero belongs",
                    3,
                    frames,
                    group.reach,
                    edits,
                    group=group,
                    found=self.edges.word(other[-1]),
                )

    def _adding(self, values: list[int], given: Any) -> dict[Where, RuleEdit]:
        edits: dict[Where, RuleEdit] = {}
        for v in values:
            readers = [e for e in self.edges.readers.get(v, ()) if self.graph.equations[e[0]].operands[e[1]] == v]
            if readers and np.size(given) == np.size(self.values[v]):
                edits[min(readers)] = lambda c, at: np.asarray(c) + np.reshape(given, np.shape(c))
        return edits

    # --------------------------------------------------------------------------------------------------- other adjoints

    def other_adjoints(self, group: EdgeGroup) -> Iterator[Candidate]:
        """The derivative reads another value's adjoint instead of the result's."""
        if not group.is_site:
            return
        n, _ = group.visits[0][0]
        e = self.graph.equations[n]
        if e.kind.several:
            return
        shape = e.kind.result_shapes[0]
        own = [self.graph.equations[v[0][0]].results[0] for v in group.visits]
        for kind, row in self.neighbours(group):
            edits = {v[0]: self.from_adjoint(v[0], own[at]) for v, at in zip(group.visits, row, strict=True)}
            yield self.candidate(f"{kind} cotangent", 2, group, edits, found=self.edges.word(own[-1]))
        for numbers in self.adjoints_like(own, shape):
            edits = {v[0]: self.from_adjoint(v[0], u) for v, u in zip(group.visits, numbers, strict=True)}
            yield self.candidate("other cotangent", 2, group, edits, found=self.edges.word(numbers[-1]))

    def adjoints_like(self, own: list[int], shape: tuple[int, ...]) -> Iterator[list[Any]]:
        """Rows of variables, one a visit, whose adjoints can be mistaken for those of these."""
        seen = {tuple(own)}
        squeezed = tuple(s for s in shape if s != 1)
        for how, line in self.timelines:
            value = self.values[line[0]]
            if how == "constant" or tuple(s for s in np.shape(value) if s != 1) != squeezed:
                continue
            if not self.edges.reach[line[0]]:
                continue
            if len(line) == len(own):
                rows: list[list[Any]] = [line]
                if len(line) > 1:
                    rows += [[*line[1:], line[-1]], [line[0], *line[:-1]]]
                    if line == own:
                        rows += [[u] * len(line) for u in (line if len(line) <= 4 else (line[0], line[-1]))]
            elif len(line) == len(own) + 1:
                rows = [line[1:], line[:-1]]
            elif len(line) > len(own) == 1:
                rows = [[line[-1]], [line[0]]]
            elif len(line) == len(own) - 1 > 1:
                rows = [[*line, None], [None, *line]]
            elif len(line) > 1:
                rows = [[min((u for u in line if u > mine), default=None) for mine in own]]
                rows += [[max((u for u in line if u < mine), default=None) for mine in own]]
            else:
                continue
            for row in rows:
                if tuple(row) not in seen:
                    seen.add(tuple(row))
                    yield row

    def _adjoint(self, at: Context, u: int | None) -> Any:
        """The adjoint of a variable: the edited sweep's if all of its readers have been visited, else the right one."""
        if u is None:
            return None
        complete = all(n > at.number for n, _ in self.edges.readers.get(self.edges._origin(u), ()))
        return at.adjoint(u) if complete else self.base.bars[u]

    def from_adjoint(self, edge: Where, u: int | None, change: Callable[[list[Any]], list[Any]] = list) -> RuleEdit:
        """What the edge hands back for another variable's adjoint; its operands may be changed too."""
        pull = self.edges.pulls[edge]

        def edit(c: Any, at: Context) -> Any:
            bar = self._adjoint(at, u)
            if bar is None or np.size(bar) != np.size(at.bar):
                return None if bar is None else c
            return pull(np.reshape(bar, np.shape(at.bar)), change(at.operands), at.results)

        return edit

    def other_adjoints_of_values(self, group: EdgeGroup) -> Iterator[Candidate]:
        """A value's whole adjoint is replaced by that of another value."""
        if not group.is_of_all_readers:
            return
        own = [self.graph.equations[min(v)[0]].operands[min(v)[1]] for v in group.visits]
        shape = np.shape(self.values[own[0]])
        for numbers in self.adjoints_like(own, shape):
            edits: dict[Where, RuleEdit] = {}
            for visit, i, u in zip(group.visits, own, numbers, strict=True):
                if u == i:
                    continue

                def edit(c: Any, at: Context, i: int = i, u: int | None = u) -> Any:
                    so_far, bar = at.adjoint(i), self._adjoint(at, u)
                    if bar is not None and np.size(bar) != np.size(c):
                        return c
                    return (0.0 if bar is None else np.reshape(bar, np.shape(c))) - (0.0 if so_far is None else so_far)

                edits[min(visit)] = edit
            yield self.candidate("equal gradients", 3, group, edits, found=self.edges.word(numbers[-1]))

    def extra_factors(self, group: EdgeGroup) -> Iterator[Candidate]:
        """A factor too many: another value, or the derivative of an activation that is not there."""
        own = [self.graph.equations[v[0][0]].operands[v[0][1]] for v in group.visits]
        shape = np.shape(self.values[own[0]])
        if not shape or not (group.is_site or group.is_of_all_readers):
            return
        slopes = (
            (OTHER_ACTIVATION, lambda y: y * (1 - y)),
            (OTHER_ACTIVATION, lambda y: 1 - y * y),
            ("factor twice", lambda y: y),
        )
        for _, line in self.timelines:
            if np.shape(self.values[line[0]]) != shape or len(line) not in (1, len(own)):
                continue
            for kind, slope in slopes:
                edits: dict[Where, RuleEdit] = {}
                for visit, u in zip(group.visits, line * (len(own) // len(line)), strict=True):
                    factor = slope(self.values[u])
                    edits |= {w: multiplied(factor) for w in visit}
                yield self.candidate(kind, 3, group, edits, found=self.edges.word(line[-1]))

    # ------------------------------------------------------------------------------------------------------ activations

    @cached_property
    def regions_over_time(self) -> list[list[Region]]:
        """Activations, by place, each visit by visit."""
        return regions(self.edges)

    def activations(self, allowed: int) -> Iterator[Candidate]:
        """A derivative that is missing, applied twice, taken at another value, or that of another activation."""
        named: list[Region] = []
        for visits in self.regions_over_time:
            group = self.edges.group([r.edges for r in visits])
            if group.reach & ~allowed:
                continue
            reading = self._frames_reading(self.edges._origin(visits[-1].y))
            frames = tuple(dict.fromkeys((*group.frames, *(reading if len(reading) == 1 else ()))))
            group = replace(group, frames=frames)
            name = self._name_of(visits)
            is_part = any(visits[0].is_part_of(whole) for whole in named)
            named += [visits[0]] if name else []
            forms: dict[tuple[str, str, int], dict[Where, RuleEdit]] = {}
            for region in visits:
                for (kind, found), edit in self._slopes(region, name):
                    _put(forms, (kind, found, -1), region, edit)
            if name != "softmax":
                for row, (kind, words, before) in enumerate(self._beside(visits, group)):
                    for region, b in zip(visits, before, strict=True):
                        for found, edit in self._mixed_slopes(region, b):
                            _put(forms, (kind, found.format(words), row), region, edit)
            for (kind, found, _), edits in forms.items():
                # What looks like another activation's derivative may be a factor left out within an unnamed function;
                # and nobody derives the exponential within a sigmoid by itself.
                tier = 3 if is_part else 0 if name else 2 if kind == OTHER_ACTIVATION else 1
                yield self.candidate(kind, tier, group, edits, found=found, right=name)
            if name != "softmax":
                yield from self._slopes_elsewhere(visits, group, name)

    def _name_of(self, visits: list[Region]) -> str:
        """The known function that all visits show; empty if there is none. Zeros show nothing: 0 · x is not a relu."""
        telling = [r for r in visits if np.any(self.values[r.y])]
        names = {name_of(self.values[r.x], self.values[r.y]) for r in telling}
        return names.pop() if len(names) == 1 else ""

    def _slopes_elsewhere(self, visits: list[Region], group: EdgeGroup, name: str) -> Iterator[Candidate]:
        """The derivative taken at another value of the same shape."""
        xs = [self.edges._origin(r.x) for r in visits]
        shape = np.shape(self.values[xs[0]])
        others = [line for _, line in self.timelines if len(line) == len(xs) and line != xs and shape]
        others = [line for line in others if np.shape(self.values[line[0]]) == shape]
        beside = [[xs[at] for at in row] for _, row in self.neighbours(group)]
        for number, line in enumerate((*beside, *others)):
            edits: dict[Where, RuleEdit] = {}
            if any(np.size(self.values[r.x]) != np.size(self.values[u]) for r, u in zip(visits, line, strict=True)):
                continue  # repeated on its way to the activation
            for region, u in zip(visits, line, strict=True):
                slope = derivative_at(self.edges, region, np.reshape(self.values[u], np.shape(self.values[region.x])))
                edits[region.edges[0]] = self._by(region, slope)
                edits.update(dict.fromkeys(region.edges[1:], times(0.0)))
            found = "another pass of the loop" if number < len(beside) else self.edges.word(line[-1])
            yield self.candidate("activation's derivative at another value", 2, group, edits, found=found, right=name)

    def _by(self, region: Region, slope: Any) -> RuleEdit:
        def edit(c: Any, at: Context) -> Any:
            bar = at.adjoint(region.y)
            return None if bar is None else np.reshape(bar * slope, np.shape(c))

        return edit

    def _beside(self, visits: list[Region], group: EdgeGroup) -> Iterator[tuple[str, str, list[Any]]]:
        """The known activations beside these: those of the step before and, in nested loops, of neighbours; each with a
        word for the mistake of reading it, and for where it comes from."""
        ys = [self.edges._origin(r.y) for r in visits]
        before: list[Any] = [None, *(self.values[y] for y in ys[:-1])]
        for _, line in self.timelines:
            if len(line) == len(ys) > 1 and line[1:] == ys[:-1]:
                before = [self.values[u] for u in line]
                break
        for kind, row in self.neighbours(group):
            yield kind, "another pass of the loop", [self.values[ys[at]] for at in row]
        yield "shifted in time", "the step before", before

    def _mixed_slopes(self, region: Region, before: Any) -> Iterator[tuple[str, RuleEdit]]:
        """Derivatives that read another activation instead of the activation, or in one of two places."""
        y = self.values[region.y]
        if before is None or np.size(before) != np.size(y):
            return
        s = -1.0 if np.all(derivative_at(self.edges, region, self.values[region.x]) <= 0) else 1.0
        b = np.reshape(before, np.shape(y))
        with np.errstate(all="ignore"):
            yield "y (1 − y of {})", self._by(region, s * y * (1 - b))
            yield "(y of {}) (1 − y)", self._by(region, s * b * (1 - y))
            yield "y (1 − y) of {}", self._by(region, s * b * (1 - b))
            yield "1 − y² of {}", self._by(region, s * (1 - b * b))

    def _slopes(self, region: Region, name: str) -> Iterator[tuple[tuple[str, str], RuleEdit]]:
        x, y = self.values[region.x], self.values[region.y]

        def by(slope: Any) -> RuleEdit:
            return self._by(region, slope)

        if name == "softmax":

            def row(c: Any, at: Context) -> Any:
                bar = at.adjoint(region.y)
                return None if bar is None else np.reshape(bar - np.sum(bar * y, -1, keepdims=True), np.shape(c))

            yield ("dropped", "y (1 − y)"), by(y * (1 - y))
            yield ("dropped", "y"), by(y)
            yield ("activation's derivative missing", "1"), by(1.0)
            yield ("factor missing", "y"), row
            return
        with np.errstate(all="ignore"):
            slope = derivative_at(self.edges, region, x)
            if not name and np.array_equal(slope, derivative_at(self.edges, region, 2 * x + 1)):
                return  # a multiplication is not an activation
            s = -1.0 if np.all(slope <= 0) else 1.0
            other, doubly = OTHER_ACTIVATION, "activation's derivative of the doubly activated"
            un = "activation's derivative of the un-activated"
            yield ("activation's derivative missing", "1"), by(s)
            yield ("activation's derivative twice", "twice"), by(slope * slope * s)
            yield (doubly, "f'(f(x))"), by(derivative_at(self.edges, region, y))
            t = np.tanh(y)
            yield (doubly, "1 − tanh²(y)"), by(s * (1 - t * t))
            yield (doubly, "tanh(y) (1 − tanh(y))"), by(s * t * (1 - t))
            g = sigmoid(y)
            yield (doubly, "σ(y) (1 − σ(y))"), by(s * g * (1 - g))
            if name == "softplus":
                yield ("activation's derivative of the activated", "σ(y)"), by(g)
            yield (un, "1 − x²"), by(s * (1 - x * x))
            yield (un, "x (1 − x)"), by(s * x * (1 - x))
            yield (other, "y (1 − y)"), by(s * y * (1 - y))
            yield (other, "1 − y²"), by(s * (1 - y * y))
            yield (other, "1 − y"), by(s * (1 - y))
            yield (other, "y"), by(s * y)
            yield (other, "y²"), by(s * y * y)
            yield (other, "(1 − y)²"), by(s * (1 - y) ** 2)
            yield (other, "1 + y²"), by(s * (1 + y * y))
            gx, tx = sigmoid(x), np.tanh(x)
            yield (other, "σ(x)"), by(s * gx)
            yield (other, "σ(x) (1 − σ(x))"), by(s * gx * (1 - gx))
            yield (other, "1 − tanh²(x)"), by(s * (1 - tx * tx))
            yield (other, "1 − tanh(x)"), by(s * (1 - tx))
            yield (other, "x > 0"), by(s * (x > 0))
            yield (other, "f(y)"), by(s * value_at(self.edges, region, y))

    # ------------------------------------------------------------------------------------- gradients after the sweep

    def of_inputs(self, allowed: int) -> Iterator[Candidate]:
        """An input's gradient that is transposed, reversed, another input's, or of a part only."""
        names = list(self.edges.leaves.values())
        shapes = [np.shape(self.values[i]) for i in self.graph.inputs]
        for b, i in enumerate(self.graph.inputs):
            if not allowed >> b & 1:
                continue
            frames = dict.fromkeys(self._frames_reading(i))
            frames = frames or dict.fromkeys(self.last_frames())

            def of(kind: str, change: Any, found: str = "", b: int = b, frames: Any = frames) -> Candidate:
                return Candidate(kind, 1, tuple(frames), 1 << b, leaf=b, change=change, found=found)

            shape = shapes[b]
            if self.edges.reach[i]:
                yield of("dropped", lambda g, _: 0 * g)
            if len(shape) == 2 and shape[0] == shape[1] > 1:
                yield of("transposed", lambda g, _: g.T)
            if len(shape) == 3 and shape[1] == shape[2] > 1:
                yield of("transposed", lambda g, _: g.swapaxes(1, 2))
            if shape and shape[0] > 1:
                yield of("reversed in time", lambda g, _: g[::-1])
                yield of("shifted in time", lambda g, _: np.roll(g, 1, 0))
                yield of("shifted in time", lambda g, _: np.roll(g, -1, 0))
                yield of("first row alone", lambda g, _: np.concatenate([g[:1], 0 * g[1:]]))
                yield of("last row alone", lambda g, _: np.concatenate([0 * g[:-1], g[-1:]]))
                yield of("step 0 left out", lambda g, _: np.concatenate([0 * g[:1], g[1:]]))
                yield of("last step left out", lambda g, _: np.concatenate([g[:-1], 0 * g[-1:]]))
            if np.prod(shape) > 1:
                yield of("summed over all axes", lambda g, _: np.full(g.shape, g.sum()))
                for axis in range(len(shape)):
                    yield of(
                        "summed over an axis", lambda g, _, a=axis: np.broadcast_to(g.sum(a, keepdims=True), g.shape)
                    )
                for axis, size in enumerate(shape):
                    for blocks in (2, 3, 4):
                        if size % blocks == 0 and size > blocks:
                            for order in itertools.permutations(range(blocks)):
                                if order != tuple(range(blocks)):
                                    yield of(
                                        "blocks in another order",
                                        lambda g, _, a=axis, n=blocks, o=order: np.concatenate(
                                            [np.split(g, n, a)[j] for j in o], a
                                        ),
                                    )
            for other, name in enumerate(names):
                if other != b and shapes[other] == shape and shape:
                    yield of("equal gradients", lambda _, gs, j=other: gs[j], name)
                    yield of("equal gradients", lambda _, gs, j=other: -gs[j], "-" + name)
                    if len(shape) == 2 and shape[0] == shape[1]:
                        yield of("equal gradients", lambda _, gs, j=other: gs[j].T, name + ".T")
            for bound in BOUNDS:
                yield of("clipped", lambda g, _, c=bound: np.clip(g, -c, c), f"±{bound:g}")


def _put(
    forms: dict[tuple[str, str, int], dict[Where, RuleEdit]], key: tuple[str, str, int], region: Region, edit: RuleEdit
) -> None:
    """The edit of a region, whose first edge stands for all."""
    mine = forms.setdefault(key, {})
    mine[region.edges[0]] = edit
    mine.update(dict.fromkeys(region.edges[1:], times(0.0)))


def _clipped(bound: float, contribution: Any, at: Context) -> Any:
    return np.clip(contribution, -bound, bound)


def _last_of(read: np.ndarray, kept: np.ndarray, contribution: Any, at: Context) -> Any:
    """The adjoint, assigned to the elements read where it should be added; zero for those that an earlier step
    keeps."""
    new = np.zeros(np.size(contribution))
    new[read] = np.ravel(at.bar)
    new[kept] = 0.0
    return new.reshape(np.shape(contribution))


def _without(shape: tuple[int, ...]) -> RuleEdit:
    """The edit that drops the other factor: the result's adjoint itself, where its shape can be made to fit."""

    def edit(c: Any, at: Context) -> Any:
        bar = np.asarray(at.bar)
        if bar.size == np.prod(shape):
            return bar.reshape(shape)
        try:
            fits = np.broadcast_shapes(bar.shape, shape) == bar.shape
        except ValueError:
            return c
        return unbroadcast(bar, shape) if fits else c

    return edit


def _exchanges(number: int) -> Iterator[tuple[int, ...]]:
    """Every order of this many things in which two have changed places."""
    for a, b in itertools.combinations(range(number), 2):
        order = list(range(number))
        order[a], order[b] = b, a
        yield tuple(order)
