"""Expressions of arrays as a person writes them: sums and products kept simple, shapes known, broadcasting as in NumPy.

`plus` and `times` keep one normal form: sums of different terms, products of powers of different factors. So x − x is
gone, (a / b) · b is a, 1 − (1 − v) is v, and ḣ·p − ḣ·n is ḣ · (p − n).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
"""How many zeros stand before and behind an array along each axis of a kernel."""
ONE = Fraction(1)


@dataclass(frozen=True)
class Expression:
    """An array with a shape."""

    shape: Shape


@dataclass(frozen=True)
class Leaf(Expression):
    """A value with a name, or something that stands for one."""

    name: Any


@dataclass(frozen=True)
class Number(Expression):
    """An exact number: a third is a third."""

    value: Fraction


@dataclass(frozen=True)
class Constant(Expression):
    """A fixed array."""

    data: bytes

    @property
    def value(self) -> np.ndarray:
        """The constant as an array."""
        return np.frombuffer(self.data).reshape(self.shape)


@dataclass(frozen=True)
class Sum(Expression):
    """Terms, each with a number in front."""

    terms: tuple[tuple[Fraction, Expression], ...]


@dataclass(frozen=True)
class Product(Expression):
    """A number times powers of factors."""

    number: Fraction
    factors: tuple[tuple[Expression, int], ...]


@dataclass(frozen=True)
class Call(Expression):
    """A function of arguments, with settings that are not arrays."""

    function: str
    arguments: tuple[Expression, ...]
    settings: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Contraction(Expression):
    """A sum of products over shared axes: a letter for each axis of both operands and of the result."""

    left: Expression
    right: Expression
    letters: tuple[str, str, str]


# ---------------------------------------------------------------------------------------------------- making them


def constant(value: Any) -> Expression:
    """A fixed array, or a number."""
    v = np.asarray(value, dtype=np.float64)
    if v.shape == () and np.isfinite(v):
        return Number((), Fraction(float(v)))
    return Constant(v.shape, v.tobytes())


def number(v: float | Fraction) -> Expression:
    """A number."""
    return Number((), Fraction(v))


def number_of(e: Expression) -> Fraction | None:
    """The value of a number; None for anything else."""
    return e.value if isinstance(e, Number) else None


def plus(*terms: tuple[float | Fraction, Expression]) -> Expression:
    """The sum of number · expression.

    Example:
        >>> from lstm_ref.deriving.as_numpy import numpy
        >>> h, z, n = (Leaf((2, 4), name) for name in "hzn")
        >>> numpy(plus((1, times(h, n)), (-1, times(h, z))))
        'h * (n - z)'
        >>> numpy(minus(number(1), minus(number(1), z)))
        'z'
    """
    shape = np.broadcast_shapes(*(e.shape for _, e in terms))
    collected: dict[Any, tuple[Fraction, Expression]] = {}
    ones = Fraction(0)
    for k, e in _flat(terms):
        if (v := number_of(e)) is not None:
            ones += k * v
        elif not (isinstance(e, Constant) and not e.value.any()):
            key = frozenset(e.factors) if isinstance(e, Product) else e
            collected[key] = (collected.get(key, (Fraction(0), e))[0] + k, collected.get(key, (k, e))[1])
    kept = [(k, e) for k, e in collected.values() if k]
    if ones:
        kept.insert(0 if _leads(terms) else len(kept), (Fraction(1), number(ones)))
    kept = _summed_together(kept)
    if not kept:
        return constant(np.zeros(shape))
    if len(kept) == 1 and kept[0][1].shape == shape:
        return times(number(kept[0][0]), kept[0][1])
    if np.broadcast_shapes(*(e.shape for _, e in kept)) != shape:
        return spread(plus(*kept), shape)
    kept = _unspread(kept, shape)
    size = abs(kept[0][0])
    if len(kept) > 1 and size != 1 and all(abs(k) == size for k, _ in kept):
        return times(number(size), Sum(shape, tuple((k / size, e) for k, e in kept)))
    return _grouped(_factored(Sum(shape, tuple(kept))))


def _unspread(terms: list[tuple[Fraction, Expression]], shape: Shape) -> list[tuple[Fraction, Expression]]:
    """Without `spread` where the other terms broadcast anyway."""
    out = list(terms)
    for n, (k, e) in enumerate(terms):
        if isinstance(e, Call) and e.function == "spread":
            inner = e.arguments[0]
            others = [t.shape for m, (_, t) in enumerate(out) if m != n]
            if others and np.broadcast_shapes(inner.shape, *others) == shape:
                out[n] = (k, inner)
    return out


def _summed_together(terms: list[tuple[Fraction, Expression]]) -> list[tuple[Fraction, Expression]]:
    """Σ a − Σ b as Σ (a − b), where the sums run over the same axes."""
    alike: dict[Any, list[tuple[Fraction, Expression]]] = {}
    for k, e in terms:
        is_sum = isinstance(e, Call) and e.function == "sum"
        key = (e.arguments[0].shape, e.settings) if is_sum else object()  # type: ignore[attr-defined]
        alike.setdefault(key, []).append((k, e))
    out = []
    for group in alike.values():
        if len(group) == 1:
            out += group
            continue
        inner = plus(*((k, e.arguments[0]) for k, e in group))  # type: ignore[attr-defined]
        first = group[0][1]
        assert isinstance(first, Call)
        out.append((ONE, total(inner, first.settings[0])))
    return out


def _grouped(e: Expression) -> Expression:
    """z + y − z·a as z · (1 − a) + y."""
    if not isinstance(e, Sum):
        return e
    for n, (k, t) in enumerate(e.terms):
        if isinstance(t, Leaf) and k == 1:
            mine = [(m, u) for m, u in e.terms if isinstance(u, Product) and u.factors[0] == (t, 1)]
            if mine and len(mine) + 1 < len(e.terms):
                inner = plus((1, number(1)), *((m, _product(ONE, u.factors[1:])) for m, u in mine))
                made = times(t, inner)
                if made.shape != e.shape:
                    return e
                rest = [q for q in e.terms if q[1] is not t and q not in mine]
                terms = [*rest[:n], (ONE, made), *rest[n:]]
                return Sum(e.shape, tuple(terms))
    return e


def _leads(terms: Any) -> bool:
    return number_of(terms[0][1]) is not None


def _flat(terms: Any) -> Iterator[tuple[Fraction, Expression]]:
    for k, e in terms:
        k = Fraction(k)
        if isinstance(e, Sum):
            yield from _flat((k * n, t) for n, t in e.terms)
        elif isinstance(e, Product) and e.number != 1:
            yield from _flat([(k * e.number, _product(ONE, e.factors))])
        else:
            yield k, e


def _factored(e: Sum) -> Expression:
    """a·b + a·c as a · (b + c), where every term holds a."""
    first = _factors(e.terms[0][1])
    common = [(f, p) for f, p in first if all((f, p) in _factors(t) for _, t in e.terms[1:])]
    common = [(f, p) for f, p in common if not isinstance(f, (Constant, Number))]
    if not common or len(e.terms) < 2:
        return e
    rest = []
    for k, t in e.terms:
        left = [fp for fp in _factors(t) if fp not in common]
        rest.append((k, _product(ONE, tuple(left)) if left else number(1)))
    rest = sorted(rest, key=lambda kt: kt[0] < 0) if rest[0][0] < 0 else rest
    inner = plus(*rest)
    whole = times(*(power(f, p) for f, p in common), inner)
    return whole if whole.shape == e.shape else e


def _factors(e: Expression) -> tuple[tuple[Expression, int], ...]:
    return e.factors if isinstance(e, Product) else ((e, 1),)


def minus(a: Expression, b: Expression) -> Expression:
    """a − b."""
    return plus((1, a), (-1, b))


def times(*factors: Expression) -> Expression:
    """The product, element by element.

    Example:
        >>> from lstm_ref.deriving.as_numpy import numpy
        >>> a, b = (Leaf((3,), name) for name in "ab")
        >>> numpy(times(over(a, b), b))
        'a'
        >>> numpy(over(number(1), plus((1, number(1)), (1, call("exp", times(number(-1), a))))))
        'sigmoid(a)'
    """
    shape = np.broadcast_shapes(*(f.shape for f in factors))
    k, powers = ONE, dict[Expression, int]()
    for _, f in _unspread([(ONE, f) for f in factors], shape):
        if (v := number_of(f)) is not None:
            k *= v
            continue
        if isinstance(f, Product):
            k *= f.number
        for base, p in _factors(f) if not isinstance(f, Sum) else ((f, 1),):
            powers[base] = powers.get(base, 0) + p
    kept = tuple((b, p) for b, p in powers.items() if p)
    if not k:
        return constant(np.zeros(shape))
    made = _product(k, kept)
    return made if made.shape == shape else spread(made, shape)


def _product(k: Fraction, kept: tuple[tuple[Expression, int], ...]) -> Expression:
    if not kept:
        return number(k)
    if k == 1 and len(kept) == 1 and kept[0][1] == 1:
        return kept[0][0]
    if len(kept) == 1 and kept[0][1] == 1 and isinstance(kept[0][0], Sum) and k == -1:
        return plus(*((-n, t) for n, t in kept[0][0].terms))
    if k < 0 and (turned := _turned(kept)) is not None:
        k, kept = -k, turned
    if any(f == sigmoid_denominator(f) for f, p in kept if p == -1):
        kept = tuple(_as_sigmoid(f) if p == -1 and sigmoid_denominator(f) else (f, p) for f, p in kept)
        return times(number(k), *(power(f, p) for f, p in kept))
    if (soft := _softmax(kept)) is not None:
        return times(number(k), *(power(f, p) for f, p in soft))
    return Product(np.broadcast_shapes(*(f.shape for f, _ in kept)), k, kept)


def _turned(kept: Any) -> Any:
    """−(y − p) as (p − y)."""
    for n, (f, p) in enumerate(kept):
        if p != 1 or not isinstance(f, Sum) or any(number_of(t) is not None for _, t in f.terms):
            continue
        if f.terms[0][0] > 0 and any(k < 0 for k, _ in f.terms):
            turned = sorted(((-k, t) for k, t in f.terms), key=lambda kt: kt[0] < 0)
            return (*kept[:n], (Sum(f.shape, tuple(turned)), 1), *kept[n + 1 :])
    return None


def power(e: Expression, p: int) -> Expression:
    """A whole power."""
    if p == 0:
        return number(1)
    if (v := number_of(e)) is not None:
        return number(v**p)
    if p == 1:
        return e
    if isinstance(e, Product):
        return _product(e.number**p, tuple((f, q * p) for f, q in e.factors))
    return _product(ONE, ((e, p),))


def over(a: Expression, b: Expression) -> Expression:
    """a / b."""
    return times(a, power(b, -1))


def sigmoid_denominator(e: Expression) -> Expression | None:
    """The expression itself if it is 1 + exp(−a)."""
    if isinstance(e, Sum) and len(e.terms) == 2:
        (k, a), (m, b) = e.terms
        a, b = (b, a) if number_of(a) is None else (a, b)
        if k == m == 1 and number_of(a) == 1 and isinstance(b, Call) and b.function == "exp":
            return e
    return None


def _as_sigmoid(e: Any) -> tuple[Expression, int]:
    inner = next(t for _, t in e.terms if number_of(t) is None).arguments[0]
    return call("sigmoid", times(number(-1), inner)), 1


def _softmax(kept: Any) -> Any:
    """exp(a) / Σ exp(a) as softmax(a)."""
    for top, p in kept:
        if p != 1 or not (isinstance(top, Call) and top.function == "exp"):
            continue
        for below, q in kept:
            inner = _inner_sum(below)
            if q == -1 and inner is not None and inner.arguments[0] == top and len(inner.settings[0]) == 1:
                axis = inner.settings[0][0]
                made = call("softmax", _without_shift(top.arguments[0], axis), settings=(axis,))
                return [(made, 1), *((f, n) for f, n in kept if f not in (top, below))]
    return None


def _inner_sum(e: Expression) -> Any:
    e = e.arguments[0] if isinstance(e, Call) and e.function == "expand" else e
    return e if isinstance(e, Call) and e.function == "sum" else None


def _without_shift(e: Expression, axis: int) -> Expression:
    """The argument of a softmax without the maximum that is taken off for safety."""
    if isinstance(e, Sum):
        kept = [(k, t) for k, t in e.terms if not (isinstance(t, Call) and _is_max(t))]
        return plus(*kept) if len(kept) < len(e.terms) else e
    return e


def _is_max(e: Call) -> bool:
    while e.function == "expand" and isinstance(e.arguments[0], Call):
        e = e.arguments[0]
    return e.function == "max"


SHAPE_OF: dict[str, Callable[..., Shape]] = {
    "sum": lambda x, axes: tuple(n for k, n in enumerate(x) if k not in axes),
    "max": lambda x, axes: tuple(n for k, n in enumerate(x) if k not in axes),
    "expand": lambda x, axes: _with_ones(x, axes),
    "transpose": lambda x, order: tuple(x[k] for k in order),
    "reshape": lambda _, shape: shape,
    "spread": lambda _, shape: shape,
    "slice": lambda _, window: tuple(b - a for a, b in window),
    "place": lambda _, window, shape: shape,
    "at": lambda x, axis: x[:axis] + x[axis + 1 :],
    "index": lambda x, axis, k: x[:axis] + x[axis + 1 :],
    "put": lambda _, axis, k, shape: shape,
    "every": lambda x, steps: tuple(-(-n // s) for n, s in zip(x, steps, strict=True)),
    "spaced": lambda _, steps, shape: shape,
    "roll": lambda x, shift, axis: x,
    "count": lambda x, axes: (),
    "patches": lambda x, axes, widths, pads: (*_slid(x, axes, widths, pads), *widths),
    "overlap": lambda _, axes, widths, pads, shape: shape,
    "flip": lambda x, axes: x,
}


def _slid(shape: Shape, axes: tuple[int, ...], widths: tuple[int, ...], pads: Pads) -> Shape:
    """How many places a kernel has along each axis."""
    out = list(shape)
    for axis, width, (low, high) in zip(axes, widths, pads, strict=True):
        out[axis] += low + high - width + 1
    return tuple(out)


def _with_ones(shape: Shape, axes: tuple[int, ...]) -> Shape:
    out = list(shape)
    for a in sorted(axes):
        out.insert(a, 1)
    return tuple(out)


def call(function: str, *arguments: Expression, settings: tuple[Any, ...] = ()) -> Expression:
    """A function of arguments, simplified where a person would."""
    shapes = [a.shape for a in arguments]
    if function in ("concatenate", "stack"):
        (axis,) = settings
        if function == "stack":
            shape = (*shapes[0][:axis], len(shapes), *shapes[0][axis:])
        else:
            shape = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])
    elif function in ("head", "tail"):
        whole, first = shapes
        (axis,) = settings
        n = first[axis] if function == "head" else whole[axis] - first[axis]
        shape = (*whole[:axis], n, *whole[axis + 1 :])
    elif function in SHAPE_OF:
        shape = SHAPE_OF[function](shapes[0], *settings)
    else:
        shape = np.broadcast_shapes(*shapes)
    made = Call(shape, function, arguments, settings)
    return _simple(made)


LINEAR = (
    *("expand", "transpose", "reshape", "spread", "slice", "every", "spaced", "index", "put", "place", "roll"),
    *("patches", "flip"),
)
"""Functions that only move elements: numbers stand before them."""


def _simple(e: Call) -> Expression:
    first = e.arguments[0]
    if e.function in LINEAR and isinstance(first, Product) and first.number != 1:
        return times(number(first.number), call(e.function, _product(ONE, first.factors), settings=e.settings))
    inner = first if isinstance(first, Call) else None
    match e.function:
        case "sum" if not e.settings[0]:
            return first
        case "sum" if inner is not None and inner.function == "expand":
            left = tuple(a for a in e.settings[0] if a not in inner.settings[0])
            if len(left) + len(inner.settings[0]) == len(e.settings[0]):
                kept = [a for a in range(len(first.shape)) if a not in inner.settings[0]]
                return total(inner.arguments[0], tuple(kept.index(a) for a in left))
        case "sum" if inner is not None and inner.function == "sum":
            kept = [a for a in range(len(inner.arguments[0].shape)) if a not in inner.settings[0]]
            return total(inner.arguments[0], (*inner.settings[0], *(kept[a] for a in e.settings[0])))
        case "sum":
            return _sum_of_product(e)
        case "expand" if not e.settings[0]:
            return first
        case "transpose" if e.settings[0] == tuple(range(len(e.shape))):
            return first
        case "transpose" if inner is not None and inner.function == "transpose":
            return call("transpose", inner.arguments[0], settings=(tuple(inner.settings[0][k] for k in e.settings[0]),))
        case "index" if inner is not None and inner.function == "transpose":
            (axis, k), (order,) = e.settings, inner.settings
            rest = [a - (a > order[axis]) for n, a in enumerate(order) if n != axis]
            return call(
                "transpose", call("index", inner.arguments[0], settings=(order[axis], k)), settings=(tuple(rest),)
            )
        case "index" if inner is not None and inner.function == "index" and inner.settings[0] > e.settings[0]:
            (axis, k), (other, j) = e.settings, inner.settings  # x[t, k] as x[t][k]
            return call("index", call("index", inner.arguments[0], settings=(axis, k)), settings=(other - 1, j))
        case "reshape" | "expand" if (
            inner is not None and inner.function in ("reshape", "expand") and inner.arguments[0].shape == e.shape
        ):
            return inner.arguments[0]
        case "reshape" if inner is not None and inner.function == "reshape":
            return reshaped(inner.arguments[0], e.shape)
        case "transpose" if isinstance(first, Contraction):
            la, lb, lo = first.letters
            return dot(first.left, first.right, (la, lb, "".join(lo[k] for k in e.settings[0])))
        case "spread" if first.shape == e.shape:
            return first
        case "slice" | "every" | "spaced" if e.shape == first.shape:
            return first
        case "slice" if inner is not None and inner.function == "concatenate":
            return _of_one_part(e, inner)
        case "every" if inner is not None and inner.function == "slice":
            return _to_its_end(e, inner)
        case "place" if inner is not None and inner.function == "place":
            (outer, shape), (window, _) = e.settings, inner.settings
            both = tuple((a + low, b + low) for (low, _), (a, b) in zip(outer, window, strict=True))
            return call("place", inner.arguments[0], settings=(both, shape))
        case "roll" if e.settings[0] == 0:
            return first
        case "patches" if inner is not None and inner.function == "place":
            (axes, widths, pads), (window, shape) = e.settings, inner.settings
            if any(w != (0, n) for k, (w, n) in enumerate(zip(window, shape, strict=True)) if k in axes):
                x = inner.arguments[0]
                more = tuple(
                    (low + window[a][0], high + shape[a] - window[a][1])
                    for a, (low, high) in zip(axes, pads, strict=True)
                )
                around = tuple((0, x.shape[k]) if k in axes else w for k, w in enumerate(window))
                to = tuple(x.shape[k] if k in axes else n for k, n in enumerate(shape))
                x = x if to == x.shape else call("place", x, settings=(around, to))
                return call("patches", x, settings=(axes, widths, more))
        case "patches" if inner is not None and inner.function == "patches":
            both = tuple(a + b for a, b in zip(inner.settings, e.settings, strict=True))
            if len(set(both[0])) == len(both[0]) and max(both[0]) < len(inner.arguments[0].shape):
                return call("patches", inner.arguments[0], settings=both)
        case "flip" if inner is not None and inner == replace(e, arguments=inner.arguments):
            return inner.arguments[0]
        case "count" if inner is not None and inner.function == "sum":
            kept = [a for a in range(len(inner.arguments[0].shape)) if a not in inner.settings[0]]
            return call("count", inner.arguments[0], settings=(tuple(kept[a] for a in e.settings[0]),))
        case "count":
            same = next((leaf for leaf in leaves(first) if leaf.shape == first.shape), first)
            return replace(e, arguments=(same,))
        case "log" if isinstance(first, Sum):
            return _softplus(e, first)
        case "concatenate":
            return _rolled(e)
    return e


def _softplus(e: Call, inner: Sum) -> Expression:
    """log(1 + exp(a))."""
    if sigmoid_denominator(inner) is not None:
        return call("softplus", next(t for _, t in inner.terms if number_of(t) is None).arguments[0])  # type: ignore[attr-defined]
    return e


def _of_one_part(e: Call, joined: Call) -> Expression:
    """A slice of joined arrays that lies within one of them."""
    (window,), (axis,), start = e.settings, joined.settings, 0
    for part in joined.arguments:
        a, b = (k - start for k in window[axis])
        if a >= 0 and b <= part.shape[axis]:
            own = tuple((a, b) if k == axis else w for k, w in enumerate(window))
            return call("slice", part, settings=(own,))
        start += part.shape[axis]
    return e


def _to_its_end(e: Call, part: Call) -> Expression:
    """x[1:8][::2] as x[1:][::2], where the rest holds no further one."""
    x, (window,), (steps,) = part.arguments[0], part.settings, e.settings
    wider = tuple((a, min(n, a - (a - b) // s * s)) for (a, b), n, s in zip(window, x.shape, steps, strict=True))
    return e if wider == window else call("every", call("slice", x, settings=(wider,)), settings=e.settings)


def _rolled(e: Call) -> Expression:
    """Two slices of one array, joined the other way round."""
    if len(e.arguments) == 2 and all(isinstance(a, Call) and a.function == "slice" for a in e.arguments):
        a, b = e.arguments
        (axis,) = e.settings
        assert isinstance(a, Call)
        assert isinstance(b, Call)
        x = a.arguments[0]
        if b.arguments[0] == x and x.shape == e.shape:
            (start, stop), (other, end) = a.settings[0][axis], b.settings[0][axis]
            if stop == x.shape[axis] and other == 0 and end == start:
                return call("roll", x, settings=(stop - start, axis))
    return e


def _sum_of_product(e: Call) -> Expression:
    """Numbers stand before the sum; Σⱼ aᵢⱼ·vⱼ is a product with a vector."""
    x, (axes,) = e.arguments[0], e.settings
    if isinstance(x, Sum) and all(t.shape == x.shape for _, t in x.terms) and len(x.terms) > 1:
        return e
    if not isinstance(x, Product):
        return e
    if x.number == 1 and len(x.shape) == 2 and len(axes) == 1 and (made := _with_vector(x, axes[0])) is not None:
        return made
    if x.number != 1:
        return times(number(x.number), total(_product(ONE, x.factors), axes))
    fixed = [(f, p) for f, p in x.factors if f.shape == ()]
    if fixed:
        rest = tuple(fp for fp in x.factors if fp not in fixed)
        if rest and _product(ONE, rest).shape == x.shape:
            return times(total(_product(ONE, rest), axes), *(power(f, p) for f, p in fixed))
    return e


def _with_vector(x: Product, axis: int) -> Expression | None:
    """Σⱼ aᵢⱼ vⱼ."""
    for f, p in x.factors:
        rest = tuple(fp for fp in x.factors if fp[0] is not f)
        if p != 1 or not rest or (a := _product(ONE, rest)).shape != x.shape:
            continue
        if axis == 1 and len(f.shape) == 1:
            return dot(a, f, ("ab", "b", "a"))
        if axis == 0 and isinstance(f, Call) and f.function == "expand" and f.settings == ((1,),):
            return dot(a, f.arguments[0], ("ab", "a", "b"))
    return None


def total(x: Expression, axes: tuple[int, ...]) -> Expression:
    """The sum over axes, which are removed."""
    return call("sum", x, settings=(tuple(sorted(axes)),))


def expand(x: Expression, axes: tuple[int, ...]) -> Expression:
    """x with new axes of length one at these places of the result."""
    return call("expand", x, settings=(tuple(sorted(axes)),))


def reshaped(x: Expression, shape: Shape) -> Expression:
    """x in another shape: by new axes or axes summed away where that is all."""
    if x.shape == shape:
        return x
    if isinstance(x, Call) and x.function in ("expand", "reshape") and x.arguments[0].shape == shape:
        return x.arguments[0]
    if (found := _new_axes(x.shape, shape)) is not None:
        return expand(x, found)
    return call("reshape", x, settings=(shape,))


def _new_axes(old: Shape, new: Shape) -> tuple[int, ...] | None:
    """Where `new` has ones that `old` lacks; None where it differs otherwise."""
    k, found = 0, []
    for at, n in enumerate(new):
        if k < len(old) and old[k] == n and (n != 1 or len(new) - at <= len(old) - k):
            k += 1
        elif n == 1:
            found.append(at)
        else:
            return None
    return tuple(found) if k == len(old) else None


def spread(x: Expression, shape: Shape) -> Expression:
    """x broadcast to a shape."""
    return call("spread", x, settings=(shape,))


def dot(left: Expression, right: Expression, letters: tuple[str, str, str]) -> Expression:
    """The sum of products; numbers and signs of the operands go in front, transposes into the letters."""
    k = ONE
    sides = []
    for e, axes in ((left, letters[0]), (right, letters[1])):
        if isinstance(e, Product) and e.number != 1:
            k, e = k * e.number, _product(ONE, e.factors)
        if isinstance(e, Call) and e.function == "transpose":
            order = e.settings[0]
            axes, e = "".join(axes[order.index(a)] for a in range(len(order))), e.arguments[0]
        sides.append((e, axes))
    (a, la), (b, lb) = (_without_spread(*sides[0], sides[1][1]), _without_spread(*sides[1], sides[0][1]))
    if la == lb == letters[2] or "" in (la, lb):
        return times(number(k), a, b)
    sizes = dict(zip(la + lb, a.shape + b.shape, strict=True))
    shape = tuple(sizes[letter] for letter in letters[2])
    return times(number(k), Contraction(shape, a, b, (la, lb, letters[2])))


def _without_spread(e: Expression, mine: str, other: str) -> tuple[Expression, str]:
    """An operand without axes that it is only repeated along."""
    if isinstance(e, Call) and e.function == "spread":
        inner = e.arguments[0]
        ahead = len(e.shape) - len(inner.shape)
        if inner.shape == e.shape[ahead:] and all(letter in other for letter in mine[:ahead]):
            return inner, mine[ahead:]
    return e, mine


def fitted(x: Expression, shape: Shape) -> Expression:
    """A contribution to a value of this shape: summed over what was broadcast."""
    if x.shape == shape:
        return x
    ahead = len(x.shape) - len(shape)
    if ahead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[ahead:], strict=True)):
        return spread(x, shape)
    if any(m == 1 and n != 1 for n, m in zip(shape, x.shape[ahead:], strict=True)):
        return spread(x, shape)
    ones = tuple(k for k, (n, m) in enumerate(zip(shape, x.shape[ahead:], strict=True)) if n == 1 and m != 1)
    made = total(x, (*range(ahead), *(k + ahead for k in ones)))
    return expand(made, ones)


# ----------------------------------------------------------------------------------------------------- walking them


def children(e: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside."""
    match e:
        case Sum():
            return tuple(t for _, t in e.terms)
        case Product():
            return tuple(f for f, _ in e.factors)
        case Call():
            return e.arguments
        case Contraction():
            return e.left, e.right
    return ()


def leaves(e: Expression) -> list[Leaf]:
    """Every leaf, each time it stands there."""
    if isinstance(e, Leaf):
        return [e]
    return [leaf for c in children(e) for leaf in leaves(c)]


def count(e: Expression) -> Counter[Any]:
    """How often each name stands in an expression."""
    return Counter(leaf.name for leaf in leaves(e))


def rebuilt(e: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """The expression with parts replaced: `change` gives a part's replacement, or None to look inside it."""
    new = change(e)
    if new is not None:
        return new
    match e:
        case Sum():
            return plus(*((k, rebuilt(t, change)) for k, t in e.terms))
        case Product():
            return times(number(e.number), *(power(rebuilt(f, change), p) for f, p in e.factors))
        case Call():
            return call(e.function, *(rebuilt(a, change) for a in e.arguments), settings=e.settings)
        case Contraction():
            return dot(rebuilt(e.left, change), rebuilt(e.right, change), e.letters)
    return e


def kept(e: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """The expression with parts replaced, as in `rebuilt`, but not simplified."""
    new = change(e)
    if new is not None:
        return new
    match e:
        case Sum():
            return replace(e, terms=tuple((k, kept(t, change)) for k, t in e.terms))
        case Product():
            return replace(e, factors=tuple((kept(f, change), p) for f, p in e.factors))
        case Call():
            return replace(e, arguments=tuple(kept(a, change) for a in e.arguments))
        case Contraction():
            return replace(e, left=kept(e.left, change), right=kept(e.right, change))
    return e


def renamed(e: Expression, names: Callable[[Any], Any]) -> Expression:
    """The expression with other names at its leaves, its form unchanged."""
    return kept(e, lambda c: replace(c, name=names(c.name)) if isinstance(c, Leaf) else None)
