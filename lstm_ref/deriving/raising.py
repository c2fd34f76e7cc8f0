"""From the equations of a graph back to what the user wrote: expressions of named values.

The graph has one equation for each primitive; a statement of the user's is one expression. Broadcasting that NumPy does
by itself is left out, and composites such as 1 / (1 + exp(−a)) are the functions they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.elements import over_elements
from lstm_ref.deriving.expressions import Expression, Leaf
from lstm_ref.deriving.naming import ValueNote, mark_of
from lstm_ref.deriving.patches import convolved, patches
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.on_graphs.activations import name_of

KNOWN = ("sigmoid", "softplus", "softmax", "relu", "tanh")
"""Functions of one argument that have a name of their own in a derivation."""

SAME = ("copy", "copy_p", "name", "convert_element_type", "optimization_barrier", "reduce_precision")


class Raised:
    """The expressions of a graph's variables, cut at the variables that have names.

    Args:
        graph: The graph, without its buffers.
        source: The user's file, as text.
    """

    def __init__(self, graph: Any, source: str = "") -> None:
        self.graph = graph
        self._lines = source.splitlines()
        self.maker = {r: e for e in graph.equations for r in e.results}
        self.root: dict[int, int] = {}
        self.marks: dict[int, list[ValueNote]] = {}
        self._ends: dict[int, tuple[int, int]] = {}
        """By the root of a marked call's result, the variable of its argument."""
        into: dict[int, int] = {}
        calls: dict[str, list[tuple[int, int]]] = {}
        for e in graph.equations:
            mark = mark_of(e)
            if mark is None and not (e.primitive in SAME and self._is_float(e.operands[0])):
                continue
            root = self.root_of(e.operands[0])
            self.root[e.results[0]] = root
            if mark is not None and mark.kind in ("value", "passed", "carried"):
                self.marks.setdefault(root, []).append(mark)
            elif mark is not None and mark.kind == "into":
                into[mark.call] = e.operands[0]
            elif mark is not None and mark.call in into:
                calls.setdefault(mark.name, []).append((root, into[mark.call]))
        for ends in calls.values():
            self._note_calls(ends)
        self.cuts: Collection[int] = ()
        self.joined: set[int] = set()
        """Arrays that a loop fills element by element, of which the elements are one expression."""
        self._inside = self._in_calls()

    def _is_float(self, v: int) -> bool:
        return np.asarray(self.graph.values[v]).dtype.kind == "f"

    def _note_calls(self, ends: list[tuple[int, int]]) -> None:
        """All calls of one function, each with its result and its argument, where its values are a known function's."""
        found = set()
        for result, argument in ends:
            x, y = (self.graph.values[v] for v in (argument, result))
            found.add(name_of(x, y) if np.shape(x) == np.shape(y) else "")
        if len(found) == 1 and (name := found.pop()) in KNOWN:
            self._ends |= {result: (argument, KNOWN.index(name)) for result, argument in ends}

    def _in_calls(self) -> set[int]:
        """Variables inside of calls that count as one function: they are not values of a derivation."""
        found: set[int] = set()
        for result, (argument, _) in self._ends.items():
            stop, waiting = self.root_of(argument), [result]
            while waiting:
                v = self.root_of(waiting.pop())
                if v == stop or v in found or not self.graph.is_active[v]:
                    continue
                found.add(v)
                if v in self.maker:
                    waiting.extend(self.maker[v].operands)
        return found - set(self._ends)

    def line(self, equation: Any) -> str:
        """The user's line in which an equation stands."""
        number = equation.place.line
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def root_of(self, v: int) -> int:
        """The variable that this one only repeats under a further name."""
        while v in self.root:
            v = self.root[v]
        return v

    def named(self) -> dict[int, list[ValueNote]]:
        """The variables with names that a derivation shows, each with its marks in order."""
        return {
            v: marks for v, marks in self.marks.items() if self.is_value(v) and any(m.kind != "passed" for m in marks)
        }

    def read_by(self, e: Any) -> tuple[int, ...]:
        """What an equation reads; a known function reads its argument, once."""
        result = e.results[0]
        return (self._ends[result][0],) if result in self._ends else () if result in self._inside else e.operands

    def is_value(self, v: int) -> bool:
        """Whether it may be a value of a derivation."""
        return self.graph.is_active[v] and self._is_float(v) and v not in self._inside and not self._is_border(v)

    def _is_border(self, v: int) -> bool:
        """Whether it is an array with zeros around it, which a derivation leaves to its convolution."""
        e = self.maker.get(v)
        if e is not None and e.primitive == "concatenate":
            ends = (e.operands[0], e.operands[-1])
            return len(e.operands) == 3 and all(not self.graph.is_active[i] and self._is_zero(i) for i in ends)
        return e is not None and (part := self.zeros_around(e)) is not None and self.graph.is_active[part]

    def zeros_around(self, e: Any) -> int | None:
        """The variable that an equation puts among zeros; None where it does anything else. A row that is written into
        a buffer, such as a step's state, is not a border."""
        if e.primitive == "pad":
            return e.operands[0] if self._is_zero(e.operands[1]) else None
        if e.primitive != "dynamic_update_slice" or self.graph.is_active[e.operands[0]]:
            return None
        around, part = np.array(self.graph.values[e.operands[0]]), np.shape(self.graph.values[e.operands[1]])
        if [m for n, m in zip(around.shape, part, strict=True) if n != m] == [1]:
            return None
        starts = [int(self.graph.values[i]) for i in e.operands[2:]]
        around[tuple(slice(s, s + n) for s, n in zip(starts, part, strict=True))] = 0  # its own numbers do not count
        return None if np.any(around) else e.operands[1]

    def _is_zero(self, v: int) -> bool:
        return not np.any(self.graph.values[v])

    def expression(self, v: int) -> Expression:
        """How a variable is computed, from values with names. Leaves are numbers of variables."""
        made = convolved(self._made(self.root_of(v)))
        return (over_elements(made) or made) if v in self.joined else made

    def _read(self, v: int) -> Expression:
        v = self.root_of(v)
        if v in self.cuts:
            return Leaf(np.shape(self.graph.values[v]), v)
        return self._made(v)

    def _made(self, v: int) -> Expression:
        value = self.graph.values[v]
        if not self.graph.is_active[v]:
            masks = v in self.maker and self.maker[v].primitive == "convert_element_type"
            if masks and self._compares(mask := self.maker[v].operands[0]):
                return self.condition(mask)
            return ex.constant(value)
        if v in self._ends:
            argument, name = self._ends[v]
            x = self._read(argument)
            axis = (len(x.shape) - 1,) if KNOWN[name] == "softmax" else ()
            return ex.call(KNOWN[name], x, settings=axis)
        if v not in self.maker:
            return Leaf(np.shape(value), v)
        e = self.maker[v]
        rule = RULES.get(e.primitive)
        if rule is None:
            raise BadInput(f"{_place(e)}: `{e.primitive}` is not derived")
        return rule(self, e, e.results.index(v))

    def condition(self, v: int) -> Expression:
        """A comparison, or a fixed mask."""
        v = self.root_of(v)
        if v not in self.maker or not self._compares(v):
            return ex.constant(np.asarray(self.graph.values[v], dtype=float))
        e = self.maker[v]
        if e.primitive == "ne" and self._compares(e.operands[0]):  # a mask, asked whether it is not False
            return self.condition(e.operands[0])
        if e.primitive in COMPARISONS:
            return ex.call(e.primitive, *map(self._read, e.operands))
        return ex.call(e.primitive, *map(self.condition, e.operands))

    def _compares(self, v: int) -> bool:
        """Whether it comes, by and / or / not, from comparisons of numbers."""
        v = self.root_of(v)
        if v not in self.maker:
            return False
        e = self.maker[v]
        active = any(self.graph.is_active[i] for i in e.operands)
        return (active and e.primitive in COMPARISONS) or (
            e.primitive in ("and", "or", "not") and all(map(self._compares, e.operands))
        )


COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
RaisingRule = Callable[[Raised, Any, int], Expression]


def _place(e: Any) -> str:
    place = e.place
    return f"line {place.line}" if place.file else "an unknown line"


def _add(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    return ex.plus((1, a), (1, b))


def _sub(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    return ex.minus(a, b)


def _mul(g: Raised, e: Any, _: int) -> Expression:
    return ex.times(*map(g._read, e.operands))


def _div(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    n = ex.number_of(b)
    inner = a.arguments[0] if isinstance(a, ex.Call) and a.function == "expand" else a
    if (
        n is not None
        and re.search("mean|var|std", g.line(e))
        and isinstance(inner, ex.Call)
        and inner.function == "sum"
    ):
        x, (axes,) = inner.arguments[0], inner.settings
        for some in (axes, *(axes[:k] for k in range(1, len(axes)))):  # all, or the first: those are the batch's
            if n == np.prod([x.shape[k] for k in some]):
                return ex.over(a, ex.call("count", x, settings=(some,)))
    return ex.over(a, b)


def _unary(name: str) -> RaisingRule:
    return lambda g, e, _: ex.call(name, g._read(e.operands[0]))


def _integer_pow(g: Raised, e: Any, _: int) -> Expression:
    return ex.power(g._read(e.operands[0]), int(e.params["y"]))


def _pow(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    n = ex.number_of(b)
    if n is not None and n == int(n):
        return ex.power(a, int(n))
    return ex.call("sqrt", a) if n == 0.5 else ex.call("power", a, b)


def _broadcast(g: Raised, e: Any, _: int) -> Expression:
    """Only new axes: what NumPy broadcasts by itself is not written."""
    x, to = g._read(e.operands[0]), e.kind.result_shapes[0]
    places = e.params["broadcast_dimensions"]
    original = e.kind.shapes[0]
    if x.shape != original:
        x = ex.spread(x, original)
    kept = tuple(original[places.index(k)] if k in places else 1 for k in range(len(to)))
    while kept and kept[0] == 1 and len(kept) > len(original):
        kept = kept[1:]
    return ex.reshaped(x, kept)


def _reshape(g: Raised, e: Any, _: int) -> Expression:
    x, to = g._read(e.operands[0]), e.kind.result_shapes[0]
    original = e.kind.shapes[0]
    if x.shape != original:
        x = ex.spread(x, original)
    if tuple(n for n in to if n != 1) == tuple(n for n in original if n != 1):
        return _with_ones_moved(x, to)
    return ex.reshaped(x, to)


def _with_ones_moved(x: Expression, to: Any) -> Expression:
    """An axis of length one that is indexed away, or a new one; leading new ones are left to broadcasting."""
    if isinstance(x, ex.Call) and x.function == "slice" and len(to) < len(x.shape):
        (window,) = x.settings
        one = [k for k, (a, b) in enumerate(window) if b - a == 1 and (a or x.arguments[0].shape[k] > 1)]
        if len(one) > 1 and to == tuple(n for k, n in enumerate(x.shape) if k not in one):
            rest = tuple(
                (0, n) if k in one else w for k, (w, n) in enumerate(zip(window, x.arguments[0].shape, strict=True))
            )
            taken = ex.call("slice", x.arguments[0], settings=(rest,))
            for k in reversed(one):
                taken = ex.call("index", taken, settings=(k, window[k][0]))
            return taken
        if len(one) == 1 and to == x.shape[: one[0]] + x.shape[one[0] + 1 :]:
            (k,) = one
            rest = tuple(
                (0, n) if j == k else w for j, (w, n) in enumerate(zip(window, x.arguments[0].shape, strict=True))
            )
            return ex.call("index", ex.call("slice", x.arguments[0], settings=(rest,)), settings=(k, window[k][0]))
    ahead = len(to) - len(x.shape)
    if ahead > 0 and to == (1,) * ahead + x.shape:
        return x
    if isinstance(x, ex.Call) and x.function == "expand":
        inner = x.arguments[0]
        return inner if inner.shape == to else ex.reshaped(inner, to)
    return ex.reshaped(x, to)


def _shaped(g: Raised, v: int) -> Expression:
    """An operand in exactly the graph's shape."""
    x, shape = g._read(v), np.shape(g.graph.values[v])
    if x.shape == shape:
        return x
    if tuple(n for n in x.shape if n != 1) == tuple(n for n in shape if n != 1):
        return ex.reshaped(x, shape)
    return ex.spread(x, shape)


def _transpose(g: Raised, e: Any, _: int) -> Expression:
    return ex.call("transpose", _shaped(g, e.operands[0]), settings=(tuple(e.params["permutation"]),))


def _reduce(name: str) -> RaisingRule:
    return lambda g, e, _: ex.call(name, _shaped(g, e.operands[0]), settings=(tuple(e.params["axes"]),))


def _dot(g: Raised, e: Any, _: int) -> Expression:
    (lc, rc), (lb, rb) = e.params["dimension_numbers"]
    a, b = _shaped(g, e.operands[0]), _shaped(g, e.operands[1])
    fresh = iter("abcdefghijklmnop")
    left = [next(fresh) for _ in a.shape]
    right = [""] * len(b.shape)
    for i, j in (*zip(lc, rc, strict=True), *zip(lb, rb, strict=True)):
        right[j] = left[i]
    right = [s or next(fresh) for s in right]
    out = [left[i] for i in lb] + [s for i, s in enumerate(left) if i not in (*lc, *lb)]
    out += [s for j, s in enumerate(right) if j not in (*rc, *rb)]
    return ex.dot(a, b, ("".join(left), "".join(right), "".join(out)))


def _slice(g: Raised, e: Any, _: int) -> Expression:
    window = tuple(zip(e.params["start_indices"], e.params["limit_indices"], strict=True))
    part = ex.call("slice", _shaped(g, e.operands[0]), settings=(window,))
    return ex.call("every", part, settings=(tuple(e.params["strides"] or (1,) * len(window)),))


def _dynamic_slice(g: Raised, e: Any, _: int) -> Expression:
    x = _shaped(g, e.operands[0])
    starts = [int(g.graph.values[i]) for i in e.operands[1:]]
    sizes = e.params["slice_sizes"]
    window = tuple(
        (min(max(s, 0), n - k), min(max(s, 0), n - k) + k) for s, k, n in zip(starts, sizes, x.shape, strict=True)
    )
    return ex.call("slice", x, settings=(window,))


def _concatenate(g: Raised, e: Any, _: int) -> Expression:
    axis = e.params["dimension"]
    parts = [_shaped(g, v) for v in e.operands]
    inner = [
        p.arguments[0] if isinstance(p, ex.Call) and p.function == "expand" and p.settings == ((axis,),) else None
        for p in parts
    ]
    if all(i is not None for i in inner):
        return ex.call("stack", *inner, settings=(axis,))  # type: ignore[arg-type]
    return ex.call("concatenate", *parts, settings=(axis,))


def _split(g: Raised, e: Any, at: int) -> Expression:
    x, axis = _shaped(g, e.operands[0]), e.params["axis"]
    start = sum(e.params["sizes"][:at])
    window = tuple((start, start + e.params["sizes"][at]) if k == axis else (0, n) for k, n in enumerate(x.shape))
    return ex.call("slice", x, settings=(window,))


def _update(g: Raised, e: Any, _: int) -> Expression:
    """A buffer that was filled piece by piece along one axis."""
    pieces: dict[int, Expression] = {}
    found: set[int] = set()
    v = e.results[0]
    shape = np.shape(g.graph.values[v])
    while v in g.maker and g.maker[v].primitive == "dynamic_update_slice":
        maker = g.maker[v]
        written = np.shape(g.graph.values[maker.operands[1]])
        axes = [k for k, (n, m) in enumerate(zip(written, shape, strict=True)) if n != m]
        if len(axes) != 1 or written[axes[0]] != 1:
            break
        found.add(axes[0])
        at = int(g.graph.values[maker.operands[2 + axes[0]]])
        pieces.setdefault(at, _shaped(g, maker.operands[1]))
        v = g.root_of(maker.operands[0])
    if (bordered := _border(g, e)) is not None:
        return bordered
    axis = found.pop() if len(found) == 1 else 0
    first, last = min(pieces, default=0), max(pieces, default=-1)
    around = [(0, first), (last + 1, shape[axis])]  # rows that keep what they began with, as the state before the first
    own = () if g.graph.is_active[v] else np.arange(shape[axis])
    if not pieces or len(pieces) != last + 1 - first or any(k not in own for a, b in around for k in range(a, b)):
        raise BadInput(
            f"{_place(e)}: a buffer that is read as a whole, but not filled step by step along one axis, is not "
            "derived; slices of whole arrays, stacked or added up, are"
        )
    inner = (*shape[:axis], *shape[axis + 1 :])
    made = ex.call("stack", *(ex.reshaped(pieces[k], inner) for k in range(first, last + 1)), settings=(axis,))
    begun = np.moveaxis(np.asarray(g.graph.values[v], dtype=float), axis, 0)
    before, after = ([ex.constant(np.moveaxis(begun[a:b], 0, axis))] if b > a else [] for a, b in around)
    return ex.call("concatenate", *before, made, *after, settings=(axis,)) if before or after else made


def _border(g: Raised, e: Any) -> Expression | None:
    """An array written into zeros."""
    if g.zeros_around(e) is None:
        return None
    part = _shaped(g, e.operands[1])
    starts = [int(g.graph.values[i]) for i in e.operands[2:]]
    window = tuple((s, s + n) for s, n in zip(starts, part.shape, strict=True))
    return ex.call("place", part, settings=(window, e.kind.result_shapes[0]))


def _pad(g: Raised, e: Any, _: int) -> Expression:
    x, value = _shaped(g, e.operands[0]), e.operands[1]
    widths = e.params["padding_config"]
    if np.any(g.graph.values[value]) or any(low < 0 or high < 0 or inner for low, high, inner in widths):
        raise BadInput(f"{_place(e)}: this padding is not derived; zeros at the ends are")
    window = tuple((low, low + n) for n, (low, _, _) in zip(x.shape, widths, strict=True))
    return ex.call("place", x, settings=(window, e.kind.result_shapes[0]))


def _rev(g: Raised, e: Any, _: int) -> Expression:
    return ex.call("flip", _shaped(g, e.operands[0]), settings=(tuple(e.params["dimensions"]),))


def _convolution(g: Raised, e: Any, _: int) -> Expression:
    """A kernel over the patches of x: over every k-th of them with strides, on every k-th of their elements with
    dilation; a kernel for each channel, where there are as many groups as channels."""
    p, x, w = e.params, _shaped(g, e.operands[0]), _shaped(g, e.operands[1])
    lhs, rhs, out = p["dimension_numbers"]
    groups = p["feature_group_count"]
    own = groups > 1 and groups == x.shape[lhs[1]] == w.shape[rhs[0]]
    if p["batch_group_count"] != 1 or any(n != 1 for n in p["lhs_dilation"]) or min(map(min, p["padding"])) < 0:
        raise BadInput(f"{_place(e)}: a transposed convolution, or one that cuts its border away, is not derived")
    if groups > 1 and not own:
        raise BadInput(
            f"{_place(e)}: a convolution in {groups} groups of several channels is not derived; a convolution of each "
            "group's channels, joined, is"
        )
    rank = len(lhs) - 2
    places, taps = "nmpq"[:rank], "klij"[:rank]
    of_x, of_w, of_out = ([""] * (rank + 2) for _ in range(3))
    for spec, text, letters in (
        (lhs, of_x, "bc" + places), (rhs, of_w, ("c" if own else "o") + "c" + taps),
        (out, of_out, ("bc" if own else "bo") + places),
    ):  # fmt: skip
        for at, letter in zip(spec, letters, strict=True):
            text[at] = letter
    if own:
        w = ex.call("index", w, settings=(rhs[1], 0))
        del of_w[rhs[1]]
    axes, sizes = tuple(lhs[2:]), tuple(e.kind.shapes[1][k] for k in rhs[2:])
    dilation = tuple(p["rhs_dilation"])
    widths = tuple(d * (n - 1) + 1 for d, n in zip(dilation, sizes, strict=True))
    alone = False
    if (
        isinstance(x, ex.Call) and x.function == "expand" and x.settings == ((lhs[0],),)
    ):  # one image needs no axis of its own
        x, axes = x.arguments[0], tuple(a - (a > lhs[0]) for a in axes)
        alone = True
        del of_x[lhs[0]], of_out[out[0]]
    strides = dict(zip(axes, p["window_strides"], strict=True))
    steps = (*(strides.get(a, 1) for a in range(len(x.shape))), *dilation)
    seen = ex.call("every", patches(x, axes, widths, tuple(map(tuple, p["padding"]))), settings=(steps,))
    made = ex.dot(seen, w, ("".join(of_x) + taps, "".join(of_w), "".join(of_out)))
    return ex.expand(made, (out[0],)) if alone else made


def _select(g: Raised, e: Any, _: int) -> Expression:
    which, no, yes = e.operands
    a, b = g._read(yes), g._read(no)
    if isinstance(b, ex.Call) and b.function == "mod" and a == ex.plus((1, b), (1, b.arguments[1])):
        return b  # a remainder of the divisor's sign, as NumPy's is
    return ex.call("where", g.condition(which), a, b)


def _max(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    if ex.number_of(b) == 0 or ex.number_of(a) == 0:
        return ex.call("relu", a if ex.number_of(b) == 0 else b)
    return ex.call("maximum", a, b)


def _gather(g: Raised, e: Any, _: int) -> Expression:
    """Where elements only move in a circle, or one index is taken."""
    x = _shaped(g, e.operands[0])
    numbers = np.arange(float(np.prod(x.shape, dtype=int))).reshape(x.shape)
    moved = np.asarray(e.kind.step(numbers, *[g.graph.values[i] for i in e.operands[1:]]))
    if isinstance(x, ex.Call) and x.function == "reshape" and len(x.shape) == 1:  # of a view, by flat numbers
        x = x.arguments[0]
        numbers = numbers.reshape(x.shape)
    for axis, n in enumerate(x.shape):
        for k in range(n):
            if moved.shape == x.shape and np.array_equal(moved, np.roll(numbers, k, axis)):
                return ex.call("roll", x, settings=(k, axis))
            if np.array_equal(moved, np.take(numbers, k, axis)):
                return ex.call("index", x, settings=(axis, k))
    if len(moved.shape) == len(x.shape) and moved.size:
        low = [int(k) for k in np.unravel_index(int(moved.flat[0]), x.shape)]
        second = (tuple(int(k == axis) for k in range(moved.ndim)) for axis in range(moved.ndim))
        steps = [
            int(np.unravel_index(int(moved[at]), x.shape)[axis]) - low[axis] if moved.shape[axis] > 1 else 1
            for axis, at in enumerate(second)
        ]
        window = tuple((a, a + (n - 1) * s + 1) for a, n, s in zip(low, moved.shape, steps, strict=True))
        taken = tuple(slice(a, b, s) for (a, b), s in zip(window, steps, strict=True))
        if min(steps) > 0 and np.array_equal(numbers[taken], moved):
            return ex.call("every", ex.call("slice", x, settings=(window,)), settings=(tuple(steps),))
    raise BadInput(f"{_place(e)}: an index of this kind is not derived")


def _stack(g: Raised, e: Any, _: int) -> Expression:
    return ex.call("stack", *(_shaped(g, v) for v in e.operands), settings=(e.params["axis"],))


def _same(g: Raised, e: Any, _: int) -> Expression:
    return g._read(e.operands[0])


def _rem(g: Raised, e: Any, _: int) -> Expression:
    a, b = map(g._read, e.operands)
    return ex.call("mod", a, b)


RULES: dict[str, RaisingRule] = {
    "add": _add,
    "add_any": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": lambda g, e, _: ex.times(ex.number(-1), g._read(e.operands[0])),
    "square": lambda g, e, _: ex.power(g._read(e.operands[0]), 2),
    "log1p": lambda g, e, _: ex.call("log", ex.plus((1, ex.number(1)), (1, g._read(e.operands[0])))),
    "rsqrt": lambda g, e, _: ex.power(ex.call("sqrt", g._read(e.operands[0])), -1),
    "integer_pow": _integer_pow,
    "pow": _pow,
    "logistic": _unary("sigmoid"),
    **{name: _unary(name) for name in ("exp", "log", "tanh", "sqrt", "sin", "cos", "abs", "floor")},
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "reduce_sum": _reduce("sum"),
    "reduce_max": _reduce("max"),
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
    "pad": _pad,
    "rev": _rev,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "split": _split,
    "dynamic_update_slice": _update,
    "concatenate": _concatenate,
    "select_n": _select,
    "max": _max,
    "rem": _rem,
    "gather": _gather,
    "stack": _stack,
    "stop_gradient": lambda g, e, _: ex.call("stop_gradient", g._read(e.operands[0])),
    **dict.fromkeys(SAME, _same),
}
