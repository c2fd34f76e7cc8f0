"""The edges of a graph as the user sees them: which statement reads which value, over all its visits in time.

An edge is (equation, operand). A *site* is an edge of the source: the same place, primitive and operand, visited once a
step. A *group* holds the edges that make one term of a backward pass: a site, all the sites at which one statement
reads one value, or some or all of the statements that read it.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.walk import VIEWS
from lstm_ref.graph.flatten import Equation, Kind
from lstm_ref.graph.places import calls_functions, is_installed, is_internal, is_of
from lstm_ref.graph.sweep import Where, pulls_in
from lstm_ref.mistakes.on_graphs.forwarded import forwarded, is_move, with_cotangents
from lstm_ref.mistakes.on_graphs.stabilisers import without_stabilisers

SEVERAL = 3
"""From this number on, primitives in one place belong to a library's function, not to an operator that changes by
step."""
SUBSETS = 5
"""Of at most this many statements that read a value, every subset is a group."""


class Frame(NamedTuple):
    """A line of the user's code, in a function."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line as it stands; empty where there is no file."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def indent(self) -> int:
        """The column at which the line begins."""
        line = linecache.getline(self.file, self.line)
        return len(line) - len(line.lstrip())

    def text_of(self, start: int, end: int) -> str:
        """The text of the line between two columns."""
        line = linecache.getline(self.file, self.line).encode()
        return line[start:end].decode(errors="replace").strip() or self.text

    def name_of(self, start: int, end: int) -> str:
        """The name to which the line assigns the text between two columns; the text itself if it does not assign it."""
        text, before = self.text_of(start, end), linecache.getline(self.file, self.line).encode()[:start].decode()
        after = linecache.getline(self.file, self.line).encode()[end:].decode()
        if (to := re.search(r"([\w.]+)\.append\(\s*$", before)) and after.startswith(")"):
            return to[1]
        target = re.fullmatch(r"\s*(?:.*=\s*)?([\w.]+(?:\[[^=]*\])?)\s*=\s*", before.rpartition(";")[2])
        if target and not re.split("[#;]", after)[0].strip():
            return target[1]
        return self._name_in_tuple(start - self.indent, end - self.indent) or text

    def _name_in_tuple(self, start: int, end: int) -> str:
        """The name that gets what stands between two columns of `f, g = …, …`; empty if none does."""
        try:
            statements = ast.parse(self.text).body
        except SyntaxError:
            return ""
        for s in statements:
            if isinstance(s, ast.Assign) and isinstance(s.targets[-1], ast.Tuple) and isinstance(s.value, ast.Tuple):
                for to, value in zip(s.targets[-1].elts, s.value.elts, strict=False):
                    if (value.col_offset, value.end_col_offset) == (start, end):
                        return ast.unparse(to)
        return ""

    def returns(self, start: int, end: int) -> bool:
        """Whether the line returns the text between two columns."""
        returned = re.search(r"(?:(?:^|:\s*)return|\blambda\b[^:]*:)\s+(.*)", self.text)
        return returned is not None and returned[1].split("#")[0].strip() == self.text_of(start, end)


CallStack = tuple[Frame, ...]
"""Outermost first."""
Columns = tuple[tuple[int, int], ...]
"""Where an expression starts and ends, in each line of a stack."""
Site = tuple[CallStack, Columns, str, int]
"""Where, the columns, the primitive (`_turns`), and which operand."""


@dataclass(frozen=True)
class EdgeGroup:
    """The edges that make one term of a backward pass, visit by visit in the order of the forward."""

    visits: tuple[tuple[Where, ...], ...]
    reach: int
    """The inputs whose gradients go through it, as bits."""
    frames: tuple[Frame, ...]
    """The statements."""
    is_of_all_readers: bool = False
    is_site: bool = False
    lag: int = 0
    """How many steps before the reader its value is made."""
    notes: dict[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def edges(self) -> frozenset[Where]:
        """All of them."""
        return frozenset(e for visit in self.visits for e in visit)


class Edges:
    """The edges of one graph, with the lines and names of the user's code."""

    def __init__(self, graph: Any) -> None:
        self.graph = without_stabilisers(with_cotangents(forwarded(graph)))
        self.memory: dict[str, Any] = {}
        equations: list[Equation] = self.graph.equations
        self.maker: dict[int, int] = {r: n for n, e in enumerate(equations) for r in e.results}
        self.leaves = leaf_names(self.graph)
        self._stacks: dict[int, tuple[CallStack, Columns]] = {}
        self._words: dict[int, str] = {}
        self.pulls = {(n, k): p for n, ps in enumerate(pulls_in(self.graph)) for k, _, p in ps}
        self.reach = self._reaches(lambda e, k: False)
        self.effect = self._reaches(self._is_times_zero)
        self.edges: list[Where] = [
            (n, k) for n, k in self.pulls if not is_move(equations[n]) and self.reach[equations[n].operands[k]]
        ]
        self.origin = {e: self._origin(equations[e[0]].operands[e[1]]) for e in self.edges}
        self._arguments = self._arguments_of_calls()
        self.readers: dict[int, list[Where]] = defaultdict(list)
        for e in self.edges:
            self.readers[self.origin[e]].append(e)
        self.statement = {e: self._statement(e) for e in self.edges}
        self._turn = self._turns()
        self.site = {e: self._site(e) for e in self.edges}
        self.made: dict[Any, list[int]] = self._timelines_of_makers()
        self.made_at = {v: (key, k) for key, vs in self.made.items() for k, v in enumerate(vs)}

    # ------------------------------------------------------------------------------------------------- of the graph

    @cached_property
    def all_readers(self) -> dict[int, list[int]]:
        """For each variable, the numbers of the equations that read it; an output is also read by -1."""
        readers: dict[int, list[int]] = defaultdict(list)
        for n, e in enumerate(self.graph.equations):
            for i in e.operands:
                readers[i].append(n)
        for i in self.graph.outputs:
            readers[i].append(-1)
        return readers

    def _is_times_zero(self, e: Equation, k: int) -> bool:
        """Whether an operand is multiplied by zeros that are not an input, such as a zero initial state."""
        if e.primitive not in ("mul", "dot_general"):
            return False
        other = e.operands[1 - k]
        return not self.graph.is_active[other] and not np.any(self.graph.values[other])

    def _reaches(self, is_cut: Callable[[Equation, int], bool]) -> list[int]:
        """For each variable the inputs that it depends on, as bits, except through operands that are cut off."""
        reach = [0] * len(self.graph.values)
        for bit, i in enumerate(self.graph.inputs):
            if self.graph.is_active[i]:
                reach[i] = 1 << bit
        for e, pulls in zip(self.graph.equations, pulls_in(self.graph), strict=True):
            found = 0
            for k, i, _ in pulls:
                found |= 0 if is_cut(e, k) else reach[i]
            for r in e.results:
                reach[r] = found
        return reach

    def _origin(self, v: int) -> int:
        """The original of a value that is read in another shape."""
        while (n := self.maker.get(v)) is not None and is_move(self.graph.equations[n]):
            v = self.graph.equations[n].operands[0]
        return v

    def stack(self, kind: Kind) -> CallStack:
        """The user's lines that led to an equation."""
        return self.place(kind)[0]

    def place(self, kind: Kind) -> tuple[CallStack, Columns]:
        """The user's lines that led to an equation, and the columns in the innermost."""
        if id(kind) not in self._stacks:
            self._stacks[id(kind)] = _place_of(kind)
        return self._stacks[id(kind)]

    def _made_in(self, v: int) -> CallStack:
        """The lines that made a value; for a part of a value, those of the whole: NumPy's views have no line."""
        n = self.maker.get(self._whole(v))
        return () if n is None else self.stack(self.graph.equations[n].kind)

    def _whole(self, v: int) -> int:
        """The value that this one is a view of; itself if it is not a view."""
        while (n := self.maker.get(v)) is not None and self.graph.equations[n].primitive in VIEWS:
            v = self.graph.equations[n].operands[0]
        return v

    def made_with(self, v: int) -> int:
        """The value with which this one is there: a gate that is cut out of another value where it is read is there as
        soon as that is."""
        return self._whole(v) if self._part.get(self.maker.get(v, -1)) else v

    def _arguments_of_calls(self) -> dict[Any, int]:
        """How many values from outside each call reads, by the lines that led to the call and the function's name."""
        found: dict[Any, int] = {}
        running: dict[Any, set[int]] = {}
        by_equation: dict[int, list[int]] = defaultdict(list)
        for edge, v in self.origin.items():
            by_equation[edge[0]].append(v)
        for n, e in enumerate(self.graph.equations):
            if not (reader := self.stack(e.kind)) or n not in by_equation:
                continue
            calls = {(reader[:depth], reader[depth].function): depth for depth in range(1, len(reader))}
            running = {call: running.get(call, set()) for call in calls}  # calls not on the stack are over
            for call, depth in calls.items():
                running[call] |= {
                    self._whole(v) for v in by_equation[n] if not is_within(self._made_in(v), reader, depth)
                }
                found[call] = max(found.get(call, 0), len(running[call]))
        return found

    def _is_of_one_value(self, stack: CallStack, v: int) -> bool:
        """Whether the innermost function of the stack is a helper, like sigmoid, that reads nothing but the value."""
        depth = len(stack) - 1
        one = self._arguments.get((stack[:depth], stack[depth].function)) == 1
        return one and not is_within(self._made_in(v), stack, depth)

    def _statement(self, edge: Where) -> CallStack:
        """The statement that reads: the reader's line, or the line that called a helper of one value."""
        reader, v = self.stack(self.graph.equations[edge[0]].kind), self.origin[edge]
        if not reader:
            return ()
        if v in self.leaves and re.search(rf"\b{re.escape(self.leaves[v].split('.')[-1])}\b", reader[-1].text):
            return reader
        while len(reader) > 1 and self._is_of_one_value(reader, v):
            reader = reader[:-1]
        return reader

    def _site(self, edge: Where) -> Site:
        return (*self.place(self.graph.equations[edge[0]].kind), self._turn[edge[0]], edge[1])

    def turn(self, n: int) -> str:
        """The primitive of an equation, with its number where one call makes several."""
        return self._turn[n]

    def _turns(self) -> list[str]:
        """For each equation, its primitive; where one call of a library makes several equations of that primitive
        (`torch.lstm_cell(…)`), with a number that tells them apart and is the same in every step."""
        found = [e.primitive for e in self.graph.equations]
        by_place: dict[Any, list[int]] = defaultdict(list)
        for n, e in enumerate(self.graph.equations):
            if not is_move(e):
                by_place[self.place(e.kind)].append(n)
        for made in by_place.values():
            names = [found[n] for n in made]
            block = _block_of(names)
            if len(block) < len(names) or len(set(block)) >= SEVERAL:
                for k, n in enumerate(made):
                    if block.count(found[n]) > 1:
                        found[n] = f"{found[n]} {block[: k % len(block)].count(found[n])}"
        return found

    def word(self, v: int | None) -> str:
        """A variable, as the user writes it."""
        if v is None:
            return "0"
        if v not in self._words:
            self._words[v] = self._word(v)
        return self._words[v]

    def _word(self, v: int) -> str:
        if v in self.leaves:
            return self.leaves[v]
        n = self.maker.get(v)
        if n is None:
            return "a constant"
        equation = self.graph.equations[n]
        if equation.primitive in VIEWS and not self._has_own_line(n):
            return self.word(equation.operands[0]) + self._part.get(n, "")
        stack, columns = self.place(equation.kind)
        while len(stack) > 1 and stack[-1].returns(*columns[-1]):  # what a helper returns has its caller's name
            stack, columns = stack[:-1], columns[:-1]
        return stack[-1].name_of(*columns[-1])

    def _has_own_line(self, n: int) -> bool:
        """Whether an equation is somewhere in the user's code. A view that NumPy takes, or that `jax.vmap` puts in, is
        not: it has no place, or its reader's place."""
        place = self.place(self.graph.equations[n].kind)
        readers = (m for r in self.graph.equations[n].results for m in self.all_readers[r] if m >= 0)
        return bool(place[0][-1].file) and all(self.place(self.graph.equations[m].kind) != place for m in readers)

    def other_factor(self, n: int, k: int) -> str:
        """The other factor of a product, as the line that multiplies writes it; empty where it does not show."""
        stack, columns = self.place(self.graph.equations[n].kind)
        try:
            product = ast.parse(stack[-1].text_of(*columns[-1]), mode="eval").body
        except (SyntaxError, IndexError):
            return ""
        if not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult | ast.MatMult):
            return ""
        return ast.unparse(product.left if k else product.right)

    def _timelines_of_makers(self) -> dict[Any, list[int]]:
        made: dict[Any, list[int]] = defaultdict(list)
        for n, e in enumerate(self.graph.equations):
            if not is_move(e):
                for r in e.results:
                    shape = np.shape(self.graph.values[r])
                    made[(self.place(e.kind), self._turn[n], self._part.get(n, ""), shape)].append(r)
        for i in self.graph.inputs:
            made[("input", i)].append(i)
        return made

    @cached_property
    def _part(self) -> dict[int, str]:
        """By equation, which part of a value a slice takes, as an index, where the same parts are taken of several
        values: gates of the pre-activations of every step. A single step of an input is no part in this sense."""
        of_values: dict[Any, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for n, e in enumerate(self.graph.equations):
            maker = self.maker.get(e.operands[0]) if e.primitive == "slice" else None
            if maker is not None and (index := _index_of(e.kind)):
                made_at = self.place(self.graph.equations[maker].kind)
                of_values[made_at, e.kind.result_shapes][index].append(n)
        found = {}
        for parts in of_values.values():
            values = {self.graph.equations[n].operands[0] for numbers in parts.values() for n in numbers}
            if len(parts) > 1 and len(values) > 1:
                found.update({n: index for index, numbers in parts.items() for n in numbers})
        return found

    # ------------------------------------------------------------------------------------------------------- groups

    @cached_property
    def groups(self) -> list[EdgeGroup]:
        """All groups, the smallest first; those with the same edges become one, with the statements of all."""
        found: dict[frozenset[Where], EdgeGroup] = {}
        for group in itertools.chain(self._by_site(), self._by_statement(), self._by_value()):
            known = found.get(group.edges)
            if known is None:
                found[group.edges] = group
            else:
                frames = tuple(dict.fromkeys((*known.frames, *group.frames)))
                longer = max(known, group, key=lambda g: len(g.visits))
                found[group.edges] = EdgeGroup(
                    longer.visits,
                    known.reach,
                    frames,
                    known.is_of_all_readers or group.is_of_all_readers,
                    known.is_site or group.is_site,
                    max(known.lag, group.lag),
                )
        return sorted(found.values(), key=lambda g: len(g.visits[0]))

    def group(self, visits: Iterable[Iterable[Where]], of_all: bool = False, is_site: bool = False) -> EdgeGroup:
        """A group of edges, from the visits."""
        ordered = tuple(sorted((tuple(sorted(v)) for v in visits), key=lambda v: v[0]))
        reach, frames = 0, dict[Frame, None]()
        for edge in (e for visit in ordered for e in visit):
            reach |= self.effect[self.graph.equations[edge[0]].operands[edge[1]]]
            frames[self.statement[edge][-1] if self.statement[edge] else Frame("", 0, "")] = None
        if of_all:  # the adjoint of the value itself: its own line is as good a place
            for visit in ordered:
                frames.update(dict.fromkeys(self._made_in(self.origin[visit[0]])[-1:]))
        return EdgeGroup(ordered, reach, tuple(frames), of_all, is_site, self._lag(ordered))

    def _lag(self, visits: tuple[tuple[Where, ...], ...]) -> int:
        """1 where what is read goes to the next value of the same line: a carry."""
        found = 0
        for visit in visits:
            key, j = self.made_at.get(self.origin[visit[0]], (("input",), 0))
            line = self.made.get(key, [])
            if key[0] == "input" or j + 1 >= len(line):
                continue
            if not all(self._ancestors[line[j + 1]] >> self.graph.equations[n].results[0] & 1 for n, _ in visit):
                return 0
            found = 1
        return found

    @cached_property
    def _ancestors(self) -> list[int]:
        """For each variable, the variables that it is computed from and itself, as bits of a number."""
        found = [1 << v for v in range(len(self.graph.values))]
        for e in self.graph.equations:
            behind = 0
            for i in e.operands:
                if self.reach[i]:
                    behind |= found[i]
            for r in e.results:
                found[r] |= behind
        return found

    def _by_site(self) -> Iterator[EdgeGroup]:
        whole, merged = defaultdict(list), defaultdict(list)
        for e in self.edges:
            stack, column, primitive, operand = self.site[e]
            whole[self.site[e]].append((e,))
            merged[(stack[-1:], column[-1:], primitive, operand)].append((e,))
        for visits in (*whole.values(), *merged.values()):
            yield self.group(visits, is_site=True)

    def _by_statement(self) -> Iterator[EdgeGroup]:
        """All the sites at which one statement reads one value."""
        for whole in (True, False):
            sets: dict[Any, list[tuple[Where, ...]]] = defaultdict(list)
            for edges in self.readers.values():
                by_statement = defaultdict(list)
                for e in edges:
                    by_statement[self.statement[e] if whole else self.statement[e][-1:]].append(e)
                for statement, mine in by_statement.items():
                    if len(mine) > 1:
                        sets[(statement, frozenset((self.site[e][1][-1], *self.site[e][2:]) for e in mine))].append(
                            tuple(mine)
                        )
            for visits in sets.values():
                yield self.group(visits)

    def _by_value(self) -> Iterator[EdgeGroup]:
        """All the statements that read a value, or some of them."""
        for values in self._states():
            readers: dict[int, dict[Any, list[Where]]] = {}
            for v in values:
                by_statement = defaultdict(list)
                for e in self.readers.get(v, ()):
                    by_statement[self.statement[e][-1:]].append(e)
                if by_statement:
                    readers[v] = by_statement
            statements = list(dict.fromkeys(s for by in readers.values() for s in by))
            for chosen in _subsets(statements):
                visits = [[e for s in chosen for e in by.get(s, ())] for by in readers.values()]
                visits = [v for v in visits if v]
                if visits:
                    yield self.group(visits, of_all=len(chosen) == len(statements))

    def _states(self) -> Iterator[list[int]]:
        """Values that one line makes at all times, without and with what the same readers read at the first step."""
        for key, values in self.made.items():
            yield values
            if key[0] != "input":
                here = set(values)
                sites = {self.site[e] for v in values for e in self.readers.get(v, ())}
                also = [v for v, es in self.readers.items() if v not in here and any(self.site[e] in sites for e in es)]
                if also and len(also) <= len(values):
                    yield sorted([*values, *also])


def _index_of(kind: Kind) -> str:
    """The index of a slice, such as [:, 3:6]; empty where it takes but one of an axis."""
    starts, ends = kind.params["start_indices"], kind.params["limit_indices"]
    steps = kind.params["strides"] or (1,) * len(starts)
    cuts = []
    for a, b, step, size in zip(starts, ends, steps, kind.shapes[0], strict=True):
        if b - a == 1 and size > 1:
            return ""
        cuts.append(":" if (a, b, step) == (0, size, 1) else f"{a}:{b}" if step == 1 else f"{a}:{b}:{step}")
    while cuts and cuts[-1] == ":":
        cuts.pop()
    return f"[{', '.join(cuts)}]"


def _block_of(names: list[str]) -> list[str]:
    """The shortest prefix that gives the whole when repeated."""
    sizes = (n for n in range(1, len(names) + 1) if len(names) % n == 0)
    return next(names[:n] for n in sizes if names[:n] * (len(names) // n) == names)


def is_within(maker: CallStack, reader: CallStack, depth: int) -> bool:
    """Whether both are in the same call of the reader's function at this depth."""
    return maker[:depth] == reader[:depth] and len(maker) > depth and maker[depth].function == reader[depth].function


def _subsets(statements: list[Any]) -> Iterator[tuple[Any, ...]]:
    n = len(statements)
    if n <= SUBSETS:
        for k in range(n, 0, -1):
            yield from itertools.combinations(statements, k)
        return
    seen = set()
    for a in range(n):
        for b in range(a + 1, n + 1):
            inside, outside = tuple(statements[a:b]), tuple(statements[:a] + statements[b:])
            for chosen in (inside, outside):
                if chosen and chosen not in seen:
                    seen.add(chosen)
                    yield chosen


def _place_of(kind: Kind) -> tuple[CallStack, Columns]:
    found: list[tuple[Frame, tuple[int, int]]] = []
    library: list[tuple[Frame, tuple[int, int]]] = []
    traceback = kind.source.traceback if kind.source is not None else None
    codes, addresses = traceback.raw_frames() if traceback is not None else ((), ())
    for code, address in zip(reversed(codes), reversed(addresses), strict=True):  # outermost first
        if is_internal(code.co_filename):
            continue
        if calls_functions(code.co_filename):
            found = []  # frames further out asked for the check, and are no part of the function
            continue
        line, start, _, end = type(kind.source.traceback).code_addr2location(code, address)
        frame = Frame(code.co_filename, line, code.co_name)
        if is_installed(code.co_filename):
            if not (is_of("torch", code.co_filename) and "/torch/_" in code.co_filename):  # which traces it
                library = [(frame, (start, end))]
            continue
        if found and found[-1][0].function == "<lambda>":
            found.pop()  # `scan(lambda h, x: step(p, h, x), ...)`: the call itself is not a statement
        if found and found[-1][0][:2] == frame[:2] and frame.function.startswith("<"):
            found[-1] = (found[-1][0], (start, end))
        else:
            found.append((frame, (start, end)))
    found = found or library  # a module of torch's own has no line of the user's
    if not found:
        return (Frame(*kind.place[:2], kind.place.function),), ((kind.place.column, 0),)
    return tuple(frame for frame, _ in found), tuple(columns for _, columns in found)


def is_float(value: Any) -> bool:
    """Whether a value is of floats: JAX's keys of random numbers are arrays that NumPy does not take."""
    return bool(jax.dtypes.issubdtype(jax.dtypes.result_type(value), np.floating))


def leaf_names(graph: Any) -> dict[int, str]:
    """The path of each input, by its variable: `layer.W`."""
    paths = jax.tree_util.tree_flatten_with_path(jax.tree.unflatten(graph.input_tree, graph.inputs))[0]
    return {i: ".".join(str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in p) for p, i in paths}
