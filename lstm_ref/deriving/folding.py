"""A forward as a person writes it: what happens before the loop through time, one step of it, and what happens after.

The graph has every step. The steps are laid on each other: the step's equations are those of step 1, in which a value
of step 0 is the value of the step before; all later steps must be equal to it, and step 0 too, with initial values in
the place of values of the step before.
"""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.elements import over_elements
from lstm_ref.deriving.expressions import Call, Expression, Leaf
from lstm_ref.deriving.naming import ValueNote, _singular
from lstm_ref.deriving.patches import under_kernel
from lstm_ref.deriving.raising import Raised
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.on_graphs.forwarded import MOVES

HELPERS = ("sigmoid", "softplus", "relu", "softmax", "patches", "overlap", "spaced")
RESERVED = {"np", "jnp", "jax", "p", "t", "tape", "bar", "steps", "inputs", *HELPERS, *keyword.kwlist}
"""Names that the written code needs for itself."""
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Statement:
    """name = expression, of named values."""

    name: str
    expression: Expression
    line: int
    """Of the user's file; 0 if it has none."""


@dataclass(frozen=True)
class CarriedValue:
    """A value that a step hands to the next."""

    name: str
    prev: str
    """Its name in the next step."""
    initial: Expression


@dataclass(frozen=True)
class StepRead:
    """What step t reads of an array that is there before the loop: name = array[t] along an axis."""

    name: str
    array: str
    axis: int


@dataclass
class FoldedForward:
    """A forward, folded."""

    title: str
    """Of the derivation: the name of its files."""
    origin: str
    """The file that was derived."""
    source: str
    inputs: dict[str, tuple[str, ...]]
    """By name, the path of keys to every input."""
    shapes: dict[str, tuple[int, ...]]
    """Of every name; of values of a step without a time axis."""
    fixed: dict[str, Any]
    """Values of the module that are held fixed, by name."""
    rows: dict[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    """Fixed arrays that no line of the file makes: the size of an identity, and which of its rows."""
    before: list[Statement] = field(default_factory=list)
    step: list[Statement] = field(default_factory=list)
    after: list[Statement] = field(default_factory=list)
    states: list[CarriedValue] = field(default_factory=list)
    reads: list[StepRead] = field(default_factory=list)
    T: int = 0
    loop: str = ""
    """The user's loop, as text."""
    last: dict[str, str] = field(default_factory=dict)
    """By name after the loop, the step's value that it is the last of."""
    stacked: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By name after the loop, the step's value that it stacks over all steps, and the axis of time."""
    outputs: list[Expression] = field(default_factory=list)
    is_loss: bool = True
    returns: str = "array"
    """What the forward returns: an array, or a tuple, list or dict of arrays."""
    draws: bool = True
    """Whether `inputs` is a function of a generator."""
    keys: tuple[str, ...] = ()
    """Of the outputs, in a dict."""
    lists: frozenset[tuple[str, ...]] = frozenset()
    """Paths at which the inputs hold lists, not tuples."""


def fold(
    raised: Raised,
    title: str,
    origin: str,
    source: str,
    inputs: dict[int, tuple[str, tuple[str, ...]]],
    fixed: dict[int, tuple[str, Any]],
    loops: dict[int, str],
    is_loss: bool,
    outputs: int | None = None,
) -> FoldedForward:
    """The folded forward.

    Args:
        raised: The expressions of the graph.
        title: Name of the derivation.
        origin: Name of the user's file.
        source: The user's source.
        inputs: By variable, name and path of keys of every input.
        fixed: By variable, name and value of what is held fixed.
        loops: By line, the text of the user's loops.
        is_loss: Whether the forward is one number.
        outputs: How many outputs of the graph are the forward's own; all, if None.

    Raises:
        BadInput: The steps are not equal; the message names the line.
    """
    return _Folding(raised, inputs, fixed, loops, raised.graph.outputs[:outputs]).forward(
        title, origin, source, is_loss
    )


class ChosenByComparison(BadInput):
    """NumPy code chose by a comparison, whose outcome alone is in the graph."""


class _Folding:
    def __init__(self, raised: Raised, inputs: Any, fixed: Any, loops: dict[int, str], outputs: list[int]) -> None:
        self.outputs = outputs
        self.raised, self.inputs, self.fixed, self.loops = raised, inputs, fixed, loops
        graph = raised.graph
        self.rows: dict[int, tuple[int, tuple[int, ...]]] = {}
        """What steps choose by a number of their own: by a variable below zero, rows of an identity."""
        self.shape = lambda v: np.shape(graph.values[v]) if v >= 0 else np.shape(self.fixed[v][1])
        given = {*inputs, *fixed}
        self.named = {v: marks for v, marks in sorted(raised.named().items()) if v not in given}
        self.loop_line = self._time_loop()
        self.cuts = set(self.named) | given
        raised.cuts = self.cuts
        self._inline_rebound()
        self._join_elements()
        self._name_shared()
        self.time: dict[int, int | None] = {v: self._time_of(self._first(m)) for v, m in self.named.items()}
        self.T = 1 + max((t for t in self.time.values() if t is not None), default=-1)
        self.key = self._keys()
        self.by_key = {(k, self.time[v]): v for v, k in self.key.items()}
        self._reads: dict[tuple[int, int], str] = {}
        self._helpers = self._parameters_of_helpers()
        self.text: dict[Any, str] = {}
        """The name of every value: by variable outside of the loop, by ("now" or "prev", key) inside."""

    # ------------------------------------------------------------------------------------------ which step, which value

    @staticmethod
    def _first(marks: list[ValueNote]) -> ValueNote:
        return next(m for m in marks if m.kind != "passed")

    def _time_loop(self) -> int:
        seen = Counter((m.loops[0][0]) for marks in self.named.values() if (m := self._first(marks)).loops and marks)
        several = {m.loops[0][0] for marks in self.named.values() if (m := self._first(marks)).loops and m.loops[0][1]}
        return max((line for line in seen if line in several), key=lambda line: seen[line], default=0)

    def _time_of(self, mark: ValueNote) -> int | None:
        return mark.loops[0][1] if mark.loops and mark.loops[0][0] == self.loop_line else None

    def _inline_rebound(self) -> None:
        """`a = …; a = a + …`: the first is not a value of its own if only the second reads it."""
        readers: dict[int, list[int]] = {}
        for v in self.named:
            for name in set(ex.count(self.raised.expression(v))):
                readers.setdefault(name, []).append(v)
        for v, marks in list(self.named.items()):
            e = self.raised.expression(v)
            seen = under_kernel(e)
            if (
                isinstance(seen, Call)
                and seen.function == "patches"
                and v not in map(self.raised.root_of, self.outputs)
            ):
                del self.named[v]  # what lies under a kernel is left to the convolution
                self.cuts.discard(v)
                continue
            mine = readers.get(v, [])
            if len(mine) == 1 and v not in map(self.raised.root_of, self.outputs):
                theirs = self.named.get(mine[0])
                a, b = self._first(marks), self._first(theirs) if theirs else None
                again = b is not None and a.loops == b.loops and a.line != b.line
                if b is not None and a.name == b.name and a.name and (again or self._adds(a, b, v, mine[0])):
                    del self.named[v]
                    self.cuts.discard(v)

    def _join_elements(self) -> None:
        """`for j in range(H): a[j] = …`: the array has the name, not each of its elements, where in every step all are
        one operation and nothing else reads them."""
        around = {v: self._inner_loop(self._first(marks)) for v, marks in self.named.items()}
        filled: dict[Any, dict[int, int]] = {}
        for v in self._filled():
            elements = [u for u in ex.count(self.raised.expression(v)) if around.get(u)]
            if len({around[u] for u in elements}) == 1:
                filled.setdefault(around[elements[0]], {})[v] = min(elements)
        lines: dict[int, list[Any]] = {}
        for loop in dict.fromkeys(loop for loop in around.values() if loop is not None):
            lines.setdefault(loop[1], []).append(loop)
        for loops in lines.values():
            arrays = {v: u for loop in loops for v, u in filled.get(loop, {}).items()}
            inside = {v for v, loop in around.items() if loop in loops} - set(arrays)
            if all(loop in filled for loop in loops) and self._may_join(set(arrays), inside):
                marks = {v: self._first(self.named[u])._replace(kind="value") for v, u in arrays.items()}
                kept = {v: m for v, m in self.named.items() if v not in inside}
                self.named = {**{v: [m._replace(loops=around[arrays[v]][0])] for v, m in marks.items()}, **kept}  # type: ignore[index]
        self.named = dict(sorted(self.named.items()))

    def _may_join(self, arrays: set[int], elements: set[int]) -> bool:
        """Whether every array is one operation of whole arrays; then they are read so."""
        before, raised = set(self.cuts), self.raised
        self.cuts |= arrays
        others = [*(set(self.named) - elements - arrays), *map(raised.root_of, self.outputs)]
        read = {u for v in others for u in ex.count(raised.expression(v))}
        parts = {u for v in arrays for u in ex.count(raised.expression(v))}
        among = {u for v in elements for u in ex.count(raised.expression(v))}  # c[j], which h[j] reads
        self.cuts -= elements
        joins = not (read & elements or parts & among) and all(over_elements(raised.expression(v)) for v in arrays)
        if joins:
            raised.joined |= arrays
        else:
            self.cuts -= arrays - before
            self.cuts |= before
        return joins

    def _inner_loop(self, mark: ValueNote) -> tuple[tuple[tuple[int, int], ...], int] | None:
        """The loop within a step, or outside of the steps, in which a value is computed: what is around, its line."""
        depth = int(self._time_of(mark) is not None)
        inside = mark.loops[depth:]
        return (mark.loops[:depth], inside[0][0]) if inside and inside[0][0] != self.loop_line else None

    def _filled(self) -> Iterator[int]:
        """Arrays that are written into piece by piece, as they are at the end."""
        graph, root = self.raised.graph, self.raised.root_of
        updates = {e.results[0]: e for e in graph.equations if e.primitive == "dynamic_update_slice"}
        again = {root(e.operands[0]) for e in updates.values()}
        for v in updates:
            if v not in again and self.raised.is_value(v):
                try:
                    made = self.raised.expression(v)
                except BadInput:
                    continue
                if isinstance(made, Call) and made.function == "stack":
                    yield v

    def _name_shared(self) -> None:
        """A pre-activation that several values read has a name, though the author passed it on without one."""
        graph, root = self.raised.graph, self.raised.root_of
        taken = {name for name, _ in self.inputs.values()}
        readers: dict[int, list[Any]] = {}
        for e in graph.equations:
            if root(e.results[0]) == e.results[0] and e.primitive not in MOVES:
                for v in {root(u) for u in self.raised.read_by(e)}:
                    readers.setdefault(v, []).append(e)
        for v in sorted(readers):
            several = sum(len(e.results) for e in readers[v]) > 1
            if several and v not in self.cuts and self.raised.is_value(v) and _has_product(self.raised.expression(v)):
                loops = self._loops_of_readers(v, readers)
                said = [m for m in self.raised.marks.get(v, ()) if m.name and m.name not in taken]
                mark = said[0] if said else ValueNote("value", "a", 0, loops, -1)
                self.named[v] = [mark._replace(kind="value", loops=loops)]
                self.cuts.add(v)
        self.named = dict(sorted(self.named.items()))

    def _loops_of_readers(self, v: int, readers: dict[int, list[Any]]) -> tuple[tuple[int, int], ...]:
        """The passes of loops in which all values are computed that read this one."""
        found, waiting, seen = set(), [v], set()
        while waiting:
            for e in readers.get(waiting.pop(), []):
                for r in map(self.raised.root_of, e.results):
                    if r in self.named:
                        found.add(self._first(self.named[r]).loops)
                    elif r not in seen:
                        seen.add(r)
                        waiting.append(r)
        return found.pop() if len(found) == 1 else ()

    def _adds(self, a: ValueNote, b: ValueNote, v: int, reader: int) -> bool:
        """Whether the reader is the value plus one more term: a sum that an inner loop adds up."""
        if self._time_of(a) != self._time_of(b) or (
            self._time_of(a) is None and self.loop_line in (a.loops or ((0,),))[0]
        ):
            return False
        e = self.raised.expression(reader)
        return (
            isinstance(e, ex.Sum)
            and len(b.loops) > (self._time_of(b) is not None)
            and any(k == 1 and isinstance(t, Leaf) and t.name == v for k, t in e.terms)
        )

    def _keys(self) -> dict[int, Key]:
        """What a value is within its step: its name, its line, the passes of inner loops, and which of them."""
        seen: Counter[Any] = Counter()
        found = {}
        for v, marks in self.named.items():
            m, t = self._first(marks), self.time[v]
            key = (m.name, m.line, m.loops[1:] if t is not None else m.loops)
            seen[key, t] += 1
            found[v] = (*key, seen[key, t])
        return found

    # -------------------------------------------------------------------------------------------------- the forward

    def forward(self, title: str, origin: str, source: str, is_loss: bool) -> FoldedForward:
        """Everything, with names."""
        raised = self.raised
        shapes: dict[str, Any] = {}
        self._after = self._after_the_loop()
        outside = [v for v in self.named if self.time[v] is None]
        template = [v for v in self.named if self.time[v] == min(1, self.T - 1)] if self.T else []
        steps = self._equal_steps(template)
        carried = dict.fromkeys(leaf.name[1] for e in steps.values() for leaf in ex.leaves(e) if leaf.name[0] == "prev")
        given = {v: name for v, (name, _) in {**self.inputs, **self.fixed}.items()}
        whole = {leaf.name[1] for e in steps.values() for leaf in _whole_leaves(e) if leaf.name[0] == "out"}
        for v, name in given.items():  # what the step reads as it is has its name before everything else
            if v in whole:
                self.text[v] = self._free(name)
        self._name_step(template, list(carried))
        self._name_reads(steps, given)
        for v in outside:
            own = self.key[v][0] or "v"
            self.text[v] = self._free(f"{own}s" if own in self._reads.values() else own)
        for v, name in given.items():
            if v not in self.text:
                self.text[v] = self._free(name) if name not in self.text.values() else self._free(f"{name}0")
        shapes.update({self.text[v]: self.shape(v) for v in (*given, *outside)})
        for v in template:
            shapes[self.text["now", self.key[v]]] = self.shape(v)
        f = FoldedForward(
            title,
            origin,
            source,
            {self.text[v]: path for v, (_, path) in self.inputs.items()},
            shapes,
            {self.text[v]: value for v, (_, value) in self.fixed.items()},
            rows={self.text[v]: rows for v, rows in self.rows.items()},
            T=self.T,
            loop=self.loops.get(self.loop_line, ""),
            is_loss=is_loss,
        )
        f.states = [self._state(key, steps) for key in carried]
        shapes.update({s.prev: shapes[s.name] for s in f.states})
        f.step = [e for v in template for e in self._step_equation(v, steps[self.key[v]], f)]
        self._forward = f
        for v in outside:
            e = raised.expression(v)
            all_steps = self._whole_of(e) if isinstance(e, Call) and e.function == "stack" else None
            if all_steps is not None and all_steps not in f.stacked.values():
                f.stacked[self.text[v]] = all_steps  # the author's name of them
                continue
            equation = Statement(self.text[v], self._outside(e), self._first(self.named[v]).line)
            (f.after if v in self._after else f.before).append(equation)
        for v in self.outputs:
            out = self._outside(self._output(v))
            if not isinstance(out, Leaf):
                name = self._free("loss" if is_loss else "out")
                shapes[name] = self.text[name] = out.shape  # type: ignore[assignment]
                f.after.append(Statement(name, out, 0))
                out = Leaf(out.shape, name)
            f.outputs.append(out)
        return f

    def _output(self, v: int) -> Expression:
        root = self.raised.root_of(v)
        return Leaf(self.shape(root), root) if root in self.cuts else self.raised.expression(root)

    def _after_the_loop(self) -> set[int]:
        found: set[int] = set()
        for v in self.named:
            if self.time[v] is None:
                read = ex.count(self.raised.expression(v))
                if any(self.time.get(u) is not None or u in found for u in read):
                    found.add(v)
        return found

    def _relative(self, e: Expression, t: int) -> Expression:
        """An expression of step t with names that hold for any step."""

        def name(v: int) -> Any:
            at = self.time.get(v)
            if at == t:
                return "now", self.key[v]
            if at is not None and at == t - 1:
                return "prev", self.key[v]
            if at is not None:
                raise BadInput(f"{self._line(v)}: what is read {t - at} steps later is not derived")
            if v in self._after:
                raise BadInput(f"{self._line(v)}: is read by the loop that it comes after")
            return "out", v

        return ex.renamed(e, name)

    def _line(self, v: int) -> str:
        return f"line {self._first(self.named[v]).line}" if v in self.named else "an input"

    def _equal_steps(self, template: list[int]) -> dict[Key, Expression]:
        """The expressions of the step, of which all steps but the first are instances."""
        expected = {self.key[v] for v in template}
        self._choose(template)
        steps = {self.key[v]: self._of_step(self.key[v], min(1, self.T - 1)) for v in template}
        mine = {t: {self.key[v]: v for v in self.named if self.time[v] == t} for t in range(self.T)}
        for t in range(self.T):
            missing = expected ^ set(mine[t])
            for key in missing if t < self.T - 1 else missing - expected:  # nothing reads some values of the last step
                raise BadInput(f"line {key[1]}: `{key[0]}` is not computed in every step, which is not derived")
        for key, e in steps.items():
            for t in range(2, self.T):
                if key not in mine[t]:
                    continue
                other = self._of_step(key, t)
                e = _timed(e, other, t) if t == 2 else e
                if _at(e, t) != other:
                    masks = any(isinstance(c.arguments[0], ex.Constant) for c in _calls(other, "where"))
                    said = (
                        f"line {key[1]}: `{key[0]}` is not computed in the same way in every step, which is not derived"
                    )
                    if masks:
                        raise ChosenByComparison(
                            f"{said}; what NumPy code chooses by a comparison is not; jax.numpy.where is"
                        )
                    raise BadInput(said)
            steps[key] = e
        return steps

    def _of_step(self, key: Key, t: int) -> Expression:
        """A value's expression in step t, with a row of an identity where the step chooses by a number of its own."""
        e = self._relative(self.raised.expression(self.by_key[key, t]), t)

        def change(c: Expression) -> Expression | None:
            v = self._chosen.get((key, *_choice(c)[:-1])) if _choice(c) else None
            if v is None:
                return None
            assert isinstance(c, Call)
            (x,), (axis, _) = c.arguments, c.settings
            letters = "abcdefgh"[: len(x.shape)]
            row = Call((x.shape[axis],), "index", (Leaf(self.shape(v), ("out", v)),), (0, t))
            return ex.dot(x, row, (letters, letters[axis], letters[:axis] + letters[axis + 1 :]))

        return ex.kept(e, change) if self._chosen else e

    def _choose(self, template: list[int]) -> None:
        """Find what is read in every step at a number of the step's own, such as a symbol of a text."""
        self._chosen: dict[Any, int] = {}
        found: dict[Any, tuple[int, tuple[int, ...]]] = {}
        for key in (self.key[v] for v in template) if self.T > 2 else ():
            read: dict[Any, list[tuple[int, int]]] = {}
            for t in range(self.T):
                if (key, t) in self.by_key:
                    e = self._relative(self.raised.expression(self.by_key[key, t]), t)
                    for *place, k in dict.fromkeys(map(_choice, _calls(e, "index"))):
                        read.setdefault(tuple(place), []).append((t, k))
            for (axis, x), which in read.items():
                ks = tuple(k for _, k in which)
                once = [t for t, _ in which] == list(range(self.T))
                if once and len(set(ks)) > 1 and ks != tuple(range(self.T)):
                    found[key, axis, x] = (x.shape[axis], ks)
        for place, rows in found.items():
            v = next((v for v, known in self.rows.items() if known == rows), -1 - len(self.rows))
            self.rows[v] = rows
            self.fixed[v] = ("chosen", np.eye(rows[0])[list(rows[1])])
            self._chosen[place] = v

    def _state(self, key: Key, steps: dict[Key, Expression]) -> CarriedValue:
        found: dict[Key, Expression] = {}
        for other, e in steps.items():
            first = self._of_step(other, 0)
            if not _matches(_at(e, 0), first, found):
                v = self.by_key[other, 0]
                raise BadInput(f"{self._line(v)}: `{other[0]}` of the first step differs from the later ones")
        initial = ex.renamed(found[key], lambda n: self.text[n[1]])
        shape = self.shape(self.by_key[key, 0])
        initial = initial if initial.shape == shape else ex.spread(initial, shape)
        return CarriedValue(self.text["now", key], self.text["prev", key], initial)

    def _step_equation(self, v: int, e: Expression, f: FoldedForward) -> Iterator[Statement]:
        name = self.text["now", self.key[v]]

        def change(c: Expression) -> Expression | None:
            if isinstance(c, Call) and c.function == "at":
                return self._read(c, f)
            if isinstance(c, Leaf):
                return Leaf(c.shape, self.text[c.name[1]] if c.name[0] == "out" else self.text[c.name])
            return None

        found = ex.rebuilt(e, change)
        if not (isinstance(e, Call) and e.function == "at"):
            yield Statement(name, found, self._first(self.named[v]).line)

    def _read(self, e: Call, f: FoldedForward) -> Expression:
        """What step t reads of an array, by its name."""
        array, (axis,) = e.arguments[0], e.settings
        assert isinstance(array, Leaf)
        v = array.name[1]
        read = StepRead(self._reads[v, axis], self.text[v], axis)
        if read not in f.reads:
            f.reads.append(read)
            f.shapes[read.name] = e.shape
        return Leaf(e.shape, read.name)

    def _name_reads(self, steps: dict[Key, Expression], given: dict[int, str]) -> None:
        """Names of what the step reads of arrays, and of these arrays: x and xs."""
        named = {}
        for key, e in steps.items():
            if isinstance(e, Call) and e.function == "at":
                named[_array(e), e.settings[0]] = self.text["now", key]
        for e in steps.values():
            for c in _calls(e, "at"):
                v, (axis,) = _array(c), c.settings
                own = given.get(v, self.key[v][0] if v in self.key else "v")
                if (v, axis) in self._reads:
                    continue
                name = named.get((v, axis)) or self._alias(v) or (f"{own}_t" if v in self.fixed else own)
                if (v, axis) not in named:
                    name = named[v, axis] = self._free(_singular(name) if name == own else name)
                self._reads[v, axis] = name
                if v not in self.text and v in given:
                    self.text[v] = self._free(own if own != name else f"{own}s")

    def _alias(self, array: int) -> str:
        """What the loop's header calls an element of the array: x for `for x in p["X"]`."""
        for v, marks in self.raised.marks.items():
            if v not in self.named and v not in self.inputs and self._time_of(marks[0]) is not None:
                e = self.raised.expression(v)
                read = e.arguments[0] if isinstance(e, Call) and e.function == "index" else None
                if isinstance(read, Leaf) and read.name == array:
                    return marks[0].name
        return ""

    def _outside(self, e: Expression) -> Expression:
        """An expression outside of the loop, with names; values of the loop as the last one, or all of them."""

        def change(c: Expression) -> Expression | None:
            if isinstance(c, Call) and c.function == "stack" and (found := self._all(c)) is not None:
                return found
            if isinstance(c, Leaf):
                t = self.time.get(c.name)
                if t is None:
                    return Leaf(c.shape, self.text[c.name])
                if t != self.T - 1:
                    raise BadInput(f"{self._line(c.name)}: a value of one step alone is read after the loop")
                return Leaf(
                    c.shape, self._after_name(self._forward.last, self.text["now", self.key[c.name]], "_T", c.shape)
                )
            return None

        return ex.rebuilt(e, change)

    def _all(self, c: Call) -> Expression | None:
        whole = self._whole_of(c)
        return whole and Leaf(c.shape, self._after_name(self._forward.stacked, whole, "s", c.shape))

    def _whole_of(self, c: Call) -> tuple[str, int] | None:
        """The value whose every step is stacked, and the axis of time."""
        if len(c.arguments) != self.T or not all(isinstance(a, Leaf) for a in c.arguments):
            return None
        keys = {self.key.get(a.name) for a in c.arguments}  # type: ignore[attr-defined]
        times = [self.time.get(a.name) for a in c.arguments]  # type: ignore[attr-defined]
        if len(keys) != 1 or times != list(range(self.T)):
            return None
        (key,) = keys
        return self.text["now", key], c.settings[0]

    def _after_name(self, known: dict[str, Any], what: Any, ending: str, shape: tuple[int, ...]) -> str:
        """The name after the loop of a value of the loop."""
        for name, other in known.items():
            if other == what:
                return name
        own = what if isinstance(what, str) else what[0]
        name = self._free(f"{own}{ending}")
        known[name] = what
        self.text["after", name] = name
        self._forward.shapes[name] = shape
        return name

    # --------------------------------------------------------------------------------------------------------- names

    def _free(self, name: str) -> str:
        name = name.rstrip("_") or "v"
        name = f"{name}_" if name in RESERVED else name
        taken = {*self.text.values(), *self._reads.values()}
        if name not in taken:
            return name
        return next(f"{name}_{k}" for k in range(2, 1000) if f"{name}_{k}" not in taken)

    def _name_step(self, template: list[int], carried: list[Key]) -> None:
        """Names of the step's values, and of what the step before hands on, as the user says them in the step."""
        t = min(1, self.T - 1)
        several = Counter(self.key[v][0] for v in template)
        wanted = {}
        for v in template:
            key = self.key[v]
            name = key[0] or self._said(v, t + 1) or self._said(v, t) or "v"
            inner = key[2]
            wanted[key] = f"{name}_{'_'.join(str(k) for _, k in inner)}" if inner and several[key[0]] > 1 else name
        last = {wanted[key]: key for key in wanted}
        for name, key in last.items():  # the last value of a name is the one with the plain name
            self.text["now", key] = self._free(name)
        for key, name in wanted.items():
            if last[name] != key:
                self.text["now", key] = self._free(f"{name}_1")
        for key in carried:
            before = self._said(self.by_key[key, t - 1], t) if t else ""
            if before in ("", self.text["now", key]) or before in self.text.values():
                before = f"{self.text['now', key]}_prev"
            self.text["prev", key] = self._free(before)

    def _parameters_of_helpers(self) -> set[tuple[str, int]]:
        """Names under which a function gets several values in one step: they are the function's, not the values'."""
        passed: dict[Any, set[int]] = {}
        for v, marks in self.raised.marks.items():
            for m in marks:
                if m.kind == "passed":
                    passed.setdefault((m.name, m.line, self._time_of(m)), set()).add(v)
        return {(name, line) for (name, line, _), of in passed.items() if len(of) > 1}

    def _said(self, v: int, t: int) -> str:
        """What the user calls a value in step t, or called it last."""
        names = [
            m.name
            for m in self.named[v]
            if m.name and self._time_of(m) == t and (m.kind != "passed" or (m.name, m.line) not in self._helpers)
        ]
        names = names or [m.name for m in self.named[v][1:] if m.name and m.kind == "value"]
        return names[-1] if names else ""


def _has_product(e: Expression) -> bool:
    """Whether it is a product of matrices, or a sum with one."""
    return isinstance(e, ex.Contraction) or (
        isinstance(e, ex.Sum) and any(isinstance(t, ex.Contraction) for _, t in e.terms)
    )


def _array(e: Call) -> int:
    leaf = e.arguments[0]
    assert isinstance(leaf, Leaf)
    return int(leaf.name[1])


def _calls(e: Expression, function: str) -> Iterator[Call]:
    if isinstance(e, Call) and e.function == function:
        yield e
    for c in ex.children(e):
        yield from _calls(c, function)


def _choice(c: Expression) -> tuple[Any, ...]:
    """Of an index: the axis, what it is taken from, and the number; empty for anything else."""
    return (c.settings[0], c.arguments[0], c.settings[1]) if isinstance(c, Call) and c.function == "index" else ()


def _whole_leaves(e: Expression) -> Iterator[Leaf]:
    """Leaves that are not read at one step."""
    if isinstance(e, Leaf):
        yield e
    elif not (isinstance(e, Call) and e.function == "at"):
        for c in ex.children(e):
            yield from _whole_leaves(c)


def _timed(e: Expression, later: Expression, t: int) -> Expression:
    """An expression of step 1 in which an index that is t in step t is time itself."""

    def is_time(a: Any, b: Any) -> bool:
        return (
            isinstance(a, Call)
            and isinstance(b, Call)
            and a.function == b.function == "index"
            and (a.settings[1], b.settings[1]) == (1, t)
            and isinstance(a.arguments[0], Leaf)
            and a.arguments[0].name[0] == "out"
        )

    if is_time(e, later):
        assert isinstance(e, Call)
        return Call(e.shape, "at", e.arguments, (e.settings[0],))
    mine, theirs = ex.children(e), ex.children(later)
    if len(mine) != len(theirs) or not mine:
        return e
    changed = {id(a): _timed(a, b, t) for a, b in zip(mine, theirs, strict=True)}
    return ex.kept(e, lambda c: None if c is e else changed.get(id(c)))


def _at(e: Expression, t: int) -> Expression:
    """The expression with step t's elements of arrays."""

    def change(c: Expression) -> Expression | None:
        if isinstance(c, Call) and c.function == "at":
            return Call(c.shape, "index", c.arguments, (c.settings[0], t))
        return None

    return ex.kept(e, change)


def _state_that_makes_it_nothing(e: Expression) -> Leaf | None:
    """The state before that this is an element or a multiple of: in a first step from zeros, it has vanished."""
    if isinstance(e, (ex.Product, ex.Contraction)):
        factors = [f for f, p in e.factors if p > 0] if isinstance(e, ex.Product) else [e.left, e.right]
        return next((state for f in factors if (state := _state_that_makes_it_nothing(f)) is not None), None)
    if isinstance(e, Call) and e.function == "index":
        return _state_that_makes_it_nothing(e.arguments[0])
    return e if isinstance(e, Leaf) and e.name[0] == "prev" else None


def _is_nothing(e: Expression) -> bool:
    if isinstance(e, ex.Contraction):
        return _is_nothing(e.left) or _is_nothing(e.right)
    return (isinstance(e, ex.Number) and not e.value) or (isinstance(e, ex.Constant) and not e.value.any())


def _matches(template: Expression, first: Expression, found: dict[Key, Expression]) -> bool:
    """Whether the first step's expression is the template with initial values; they are put into `found`."""
    if isinstance(template, Leaf) and template.name[0] == "prev":
        if any(leaf.name[0] != "out" for leaf in ex.leaves(first)):
            return False
        return found.setdefault(template.name[1], first) == first
    if _is_nothing(first) and (state := _state_that_makes_it_nothing(template)) is not None:
        begun = ex.constant(np.zeros(state.shape))
        return found.setdefault(state.name[1], begun) == begun
    if isinstance(template, ex.Sum):
        zero = [(k, t) for k, t in template.terms if _state_that_makes_it_nothing(t) is not None]
        rest = [(k, t) for k, t in template.terms if (k, t) not in zero]
        theirs = list(first.terms) if isinstance(first, ex.Sum) else [_coefficient(first)]
        if len(theirs) == len(rest) < len(template.terms):
            for state in (_state_that_makes_it_nothing(t) for _, t in zero):
                assert state is not None
                found.setdefault(state.name[1], ex.constant(np.zeros(state.shape)))
            return all(k == m and _matches(t, u, found) for (k, t), (m, u) in zip(rest, theirs, strict=True))
    if type(template) is not type(first):
        return False
    match template, first:
        case ex.Sum(), ex.Sum():
            return len(template.terms) == len(first.terms) and all(
                k == m and _matches(t, u, found) for (k, t), (m, u) in zip(template.terms, first.terms, strict=True)
            )
        case ex.Product(), ex.Product():
            return (template.number, len(template.factors)) == (first.number, len(first.factors)) and all(
                p == q and _matches(a, b, found) for (a, p), (b, q) in zip(template.factors, first.factors, strict=True)
            )
        case ex.Call(), ex.Call():
            return (template.function, template.settings, len(template.arguments)) == (
                first.function,
                first.settings,
                len(first.arguments),
            ) and all(_matches(a, b, found) for a, b in zip(template.arguments, first.arguments, strict=True))
        case ex.Contraction(), ex.Contraction():
            return (
                template.letters == first.letters
                and _matches(template.left, first.left, found)
                and _matches(template.right, first.right, found)
            )
    return template == first


def _coefficient(e: Expression) -> tuple[Fraction, Expression]:
    if isinstance(e, ex.Product) and e.number != 1:
        return e.number, ex.times(*(ex.power(f, p) for f, p in e.factors))
    return ex.ONE, e
