"""The reverse rules: for every primitive, one function per operand, linear in the cotangents.

A rule looks at an equation's kind once and returns a `Pull` for each operand, or None where no gradient comes back. The
rules use NumPy's operators, so they run on floats and on object arrays of balls. A primitive without a rule here uses
JAX's own.

Convention that bites. The derivative is that of the values: `stop_gradient` computes the identity, and custom
derivative rules are ignored. Ties of max and min share the gradient equally, as in JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from lstm_ref.arithmetic import movement, primitives
from lstm_ref.arithmetic.indexing import NOWHERE, scattered
from lstm_ref.arithmetic.uncompiled import FLOATS
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UnknownPrimitive, text_of
from lstm_ref.graph.flatten import Kind

Pull = Callable[..., Any]
"""(cotangent of the result, or a list for several results; values of operands; values of results) -> contribution."""
PullRule = Callable[[Kind], Sequence[Pull | None]]


OUTPUT = "output"
"""A primitive of our own that hands on its operand: what a function returns, where it reads it too."""


def pulls_of(kind: Kind) -> Sequence[Pull | None]:
    """The pulls of an equation, one per operand."""
    rule = RULES.get(kind.primitive)
    pulls = rule(kind) if rule is not None else _by_jax(kind)
    return [p if f else None for p, f in zip(pulls, kind.floats, strict=True)]


def unbroadcast(bar: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes that broadcasting repeated."""
    if np.shape(bar) == shape:
        return bar
    extra = bar.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and bar.shape[i + extra] != 1)
    return movement.boxed(np.add.reduce(bar, axis=axes)).reshape(shape)


def _same(f: Callable[..., Any]) -> PullRule:
    """The rule of a function of one operand: bar · f(x, y)."""
    return lambda kind: (lambda bar, xs, ys: bar * f(xs[0], ys[0]),)


def _two(to_a: Callable[..., Any], to_b: Callable[..., Any]) -> PullRule:
    def rule(kind: Kind) -> Sequence[Pull]:
        a, b = kind.shapes
        return (
            lambda bar, xs, ys: unbroadcast(to_a(bar, xs[0], xs[1], ys[0]), a),
            lambda bar, xs, ys: unbroadcast(to_b(bar, xs[0], xs[1], ys[0]), b),
        )

    return rule


def _nothing(kind: Kind) -> Sequence[None]:
    return (None,) * len(kind.shapes)


def _larger(bar: Any, a: Any, b: Any) -> Any:
    """The cotangent of the larger of two operands; equal ones get half each."""
    return bar * (np.where(a > b, 1.0, 0.0) + np.where(a == b, 0.5, 0.0))


def _power_of_base(bar: Any, x: Any, y: Any, _: Any) -> Any:
    zero = y == 0
    return np.where(zero, 0.0, bar * y * np.power(x, np.where(zero, 1.0, y - 1)))


def _power_of_exponent(bar: Any, x: Any, y: Any, result: Any) -> Any:
    return bar * result * np.log(np.where(x == 0, 1.0, x))


def _integer_pow(kind: Kind) -> Sequence[Pull | None]:
    n = kind.params["y"]
    if n == 0:
        return (None,)
    return (lambda bar, xs, ys: bar * n if n == 1 else bar * (n * xs[0] ** (n - 1)),)


def _matmul(a: Any, b: Any) -> Any:
    return primitives.product(a, b) if object in (a.dtype, b.dtype) else np.matmul(a, b)


def _dot_general(kind: Kind) -> Sequence[Pull]:
    (sum_a, sum_b), (batch_a, batch_b) = kind.params["dimension_numbers"]
    shape_a, shape_b = kind.shapes
    free_a = [i for i in range(len(shape_a)) if i not in (*sum_a, *batch_a)]
    free_b = [i for i in range(len(shape_b)) if i not in (*sum_b, *batch_b)]
    order_a, order_b = (*batch_a, *free_a, *sum_a), (*batch_b, *free_b, *sum_b)
    batches, k = math.prod(shape_a[i] for i in batch_a), math.prod(shape_a[i] for i in sum_a)
    m, n = math.prod(shape_a[i] for i in free_a), math.prod(shape_b[i] for i in free_b)

    def back(x: Any, order: Any, shape: Any) -> Any:
        return x.reshape([shape[i] for i in order]).transpose(np.argsort(order))

    def to_a(bar: Any, xs: Any, ys: Any) -> Any:
        b = xs[1].transpose(order_b).reshape(batches, n, k)
        return back(_matmul(bar.reshape(batches, m, n), b), order_a, shape_a)

    def to_b(bar: Any, xs: Any, ys: Any) -> Any:
        a = xs[0].transpose(order_a).reshape(batches, m, k)
        return back(_matmul(bar.reshape(batches, m, n).swapaxes(1, 2), a), order_b, shape_b)

    return to_a, to_b


# --------------------------------------------------------------------------------------------- elements that move


def _to_own_shape(kind: Kind) -> Sequence[Pull | None]:
    shape = kind.shapes[0]
    if kind.params.get("dimensions") is not None and kind.primitive == "reshape":
        return _by_number(kind)
    return (lambda bar, xs, ys: bar.reshape(shape), *(None,) * (len(kind.shapes) - 1))


def _pass_on(kind: Kind, k: int) -> Pull:
    if not kind.several:
        return lambda bar, xs, ys: bar
    return lambda bars, xs, ys: _zeros(kind.shapes[k], np.zeros(0)) if bars[k] is None else bars[k]


def _transpose(kind: Kind) -> Sequence[Pull]:
    back = np.argsort(kind.params["permutation"])
    return (lambda bar, xs, ys: bar.transpose(back),)


def _broadcast_in_dim(kind: Kind) -> Sequence[Pull | None]:
    shape, kept = kind.shapes[0], kind.params["broadcast_dimensions"]
    result = kind.result_shapes[0]
    added = tuple(i for i in range(len(result)) if i not in kept)
    repeated = tuple(kept[i] for i in range(len(shape)) if shape[i] == 1 and result[kept[i]] != 1)

    def pull(bar: Any, xs: Any, ys: Any) -> Any:
        return movement.boxed(np.add.reduce(bar, axis=(*added, *repeated))).reshape(shape)

    return (pull, *(None,) * (len(kind.shapes) - 1))


def _zeros(shape: Any, like: Any) -> Any:
    if like.dtype == object:
        out = np.empty(shape, dtype=object)
        out[...] = primitives.ZERO
        return out
    return np.zeros(shape)


def _reduce_sum(kind: Kind) -> Sequence[Pull]:
    shape, axes = kind.shapes[0], kind.params["axes"]
    kept = [1 if i in axes else n for i, n in enumerate(shape)]
    return (lambda bar, xs, ys: np.broadcast_to(bar.reshape(kept), shape),)


def _reduce_best(kind: Kind) -> Sequence[Pull]:
    shape, axes = kind.shapes[0], tuple(kind.params["axes"])
    kept = [1 if i in axes else n for i, n in enumerate(shape)]

    def pull(bar: Any, xs: Any, ys: Any) -> Any:
        best = np.where(xs[0] == ys[0].reshape(kept), 1.0, 0.0)
        return bar.reshape(kept) * best / np.add.reduce(best, axis=axes, keepdims=True)

    return (pull,)


def _concatenate(kind: Kind) -> Sequence[Pull]:
    axis = kind.params["dimension"]
    ends = np.cumsum([s[axis] for s in kind.shapes]).tolist()

    def piece(a: int, b: int) -> Pull:
        where = (slice(None),) * axis + (slice(a, b),)
        return lambda bar, xs, ys: bar[where]

    return [piece(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _stack(kind: Kind) -> Sequence[Pull]:
    axis = kind.params["axis"]

    def piece(k: int) -> Pull:
        where = (slice(None),) * axis + (k, ...)
        return lambda bar, xs, ys: bar[where]

    return [piece(k) for k in range(len(kind.shapes))]


def _join_results(join: Callable[[Kind, list[Any]], Any]) -> PullRule:
    """The rule of a primitive with several results that lie side by side in the operand."""

    def rule(kind: Kind) -> Sequence[Pull]:
        def pull(bars: Any, xs: Any, ys: Any) -> Any:
            like = next(b for b in bars if b is not None)
            full = [_zeros(s, like) if b is None else b for b, s in zip(bars, kind.result_shapes, strict=True)]
            return join(kind, full)

        return (pull,)

    return rule


def _slice(kind: Kind) -> Sequence[Pull]:
    shape = kind.shapes[0]
    steps = kind.params["strides"] or (1,) * len(shape)
    bounds = zip(kind.params["start_indices"], kind.params["limit_indices"], steps, strict=True)
    where = tuple(slice(*b) for b in bounds)

    def pull(bar: Any, xs: Any, ys: Any) -> Any:
        out = _zeros(shape, bar)
        out[(*where, ...)] = bar
        return out

    return (pull,)


def _dynamic_slice(kind: Kind) -> Sequence[Pull | None]:
    shape, sizes = kind.shapes[0], kind.params["slice_sizes"]

    def pull(bar: Any, xs: Any, ys: Any) -> Any:
        out = _zeros(shape, bar)
        out[movement._window(xs[1:], sizes, shape)] = bar
        return out

    return (pull, *(None,) * (len(kind.shapes) - 1))


def _dynamic_update_slice(kind: Kind) -> Sequence[Pull | None]:
    shape, window = kind.shapes[0], kind.shapes[1]

    def to_whole(bar: Any, xs: Any, ys: Any) -> Any:
        out = bar.copy()
        out[movement._window(xs[2:], window, shape)] = _zeros((), bar)
        return out

    def to_update(bar: Any, xs: Any, ys: Any) -> Any:
        return bar[movement._window(xs[2:], window, shape)]

    return (to_whole, to_update, *(None,) * (len(kind.shapes) - 2))


def _select_n(kind: Kind) -> Sequence[Pull | None]:
    def case(k: int) -> Pull:
        return lambda bar, xs, ys: np.where(xs[0] == k, bar, _zeros((), bar))

    return (None, *(case(k) for k in range(len(kind.shapes) - 1)))


def _by_number(kind: Kind) -> Sequence[Pull | None]:
    """The rule of a primitive that only moves elements: applied to the elements' numbers, counted from 1, it shows
    where each result came from (0 or NaN: from nowhere)."""
    sizes = [math.prod(s) if f else 0 for s, f in zip(kind.shapes, kind.floats, strict=True)]
    offsets = np.cumsum([1, *sizes])
    numbers = [np.arange(float(n)) + o for n, o in zip(sizes, offsets, strict=False)]
    equation = kind.jaxpr_equation
    if "fill_value" in equation.params:
        equation = equation.replace(params=equation.params | {"fill_value": 0})
    move = FLOATS.step_for(equation)

    def origins(xs: Any) -> np.ndarray:
        stand_ins = [n.reshape(s) if f else x for n, s, f, x in zip(numbers, kind.shapes, kind.floats, xs, strict=True)]
        found: np.ndarray = move(*stand_ins)
        return found

    def operand(k: int) -> Pull:
        def pull(bar: Any, xs: Any, ys: Any) -> Any:
            came = origins(xs)
            mine = (came >= offsets[k]) & (came < offsets[k + 1])
            out = _zeros((sizes[k],), bar)
            np.add.at(out, (came[mine] - offsets[k]).astype(int), bar[mine])
            return out.reshape(kind.shapes[k])

        return pull

    return [operand(k) for k in range(len(kind.shapes))]


def _scatter_add(kind: Kind) -> Sequence[Pull | None]:
    def to_updates(bar: Any, xs: Any, ys: Any) -> Any:
        places = scattered(kind.jaxpr_equation, xs[1])
        out = bar.ravel()[np.maximum(places, 0)]
        return np.where(places != NOWHERE, out, _zeros((), bar))

    return (lambda bar, xs, ys: bar, None, to_updates)


def _cumsum(kind: Kind) -> Sequence[Pull]:
    axis, reverse = kind.params["axis"], kind.params["reverse"]

    def pull(bar: Any, xs: Any, ys: Any) -> Any:
        if reverse:
            return np.add.accumulate(bar, axis)
        return np.flip(np.add.accumulate(np.flip(bar, axis), axis), axis)

    return (pull,)


def _clamp(kind: Kind) -> Sequence[Pull | None]:
    def inside(bar: Any, xs: Any, ys: Any) -> Any:
        low, x, high = xs
        return bar * np.where((x > low) & (x < high), 1.0, 0.0)

    def below(bar: Any, xs: Any, ys: Any) -> Any:
        low, x, high = xs
        return unbroadcast(bar * np.where((low > x) & (low < high), 1.0, 0.0), kind.shapes[0])

    def above(bar: Any, xs: Any, ys: Any) -> Any:
        return unbroadcast(bar * np.where(xs[1] >= xs[2], 1.0, 0.0), kind.shapes[2])

    return below, inside, above


# --------------------------------------------------------------------------------------------------------- by JAX


def _by_jax(kind: Kind) -> Sequence[Pull | None]:
    """JAX's own vector-Jacobian product of the primitive."""
    equation = kind.jaxpr_equation
    if equation is None:
        raise UnknownPrimitive(f"no rule for {kind.primitive}")
    at = [i for i, f in enumerate(kind.floats) if f]
    remembered: list[Any] = [None, None, None]

    def contributions(bars: Any, xs: Any) -> Any:
        if remembered[0] is bars and remembered[1] is xs:
            return remembered[2]

        def of_floats(*floats: Any) -> Any:
            operands = list(xs)
            for i, v in zip(at, floats, strict=True):
                operands[i] = v
            out = equation.primitive.bind(*operands, **equation.params)
            outs = out if kind.several else [out]
            return [o for o in outs if np.issubdtype(o.dtype, np.floating)]

        with x64():
            try:
                outs, vjp = jax.vjp(of_floats, *(xs[i] for i in at))
            except NotImplementedError as error:
                raise UnknownPrimitive(f"`{kind.primitive}` at {kind.place}: {text_of(error)}") from None
            given = [
                b
                for b, v in zip(bars if kind.several else [bars], equation.outvars, strict=True)
                if movement.is_float(v.aval)
            ]
            found = vjp([np.zeros(o.shape) if b is None else np.asarray(b) for b, o in zip(given, outs, strict=True)])
        result = dict(zip(at, map(np.asarray, found), strict=True))
        remembered[:] = bars, xs, result
        return result

    def operand(k: int) -> Pull:
        return lambda bar, xs, ys: contributions(bar, xs)[k]

    return [operand(k) if k in at else None for k in range(len(kind.shapes))]


# ------------------------------------------------------------------------------------------------------ the rules

_two_over_root_pi = 2 / math.sqrt(math.pi)

RULES: dict[str, PullRule] = {
    "add": _two(lambda bar, a, b, y: bar, lambda bar, a, b, y: bar),
    "add_any": _two(lambda bar, a, b, y: bar, lambda bar, a, b, y: bar),
    "sub": _two(lambda bar, a, b, y: bar, lambda bar, a, b, y: -bar),
    "mul": _two(lambda bar, a, b, y: bar * b, lambda bar, a, b, y: bar * a),
    "div": _two(lambda bar, a, b, y: bar / b, lambda bar, a, b, y: -bar * y / b),
    "max": _two(lambda bar, a, b, y: _larger(bar, a, b), lambda bar, a, b, y: _larger(bar, b, a)),
    "min": _two(lambda bar, a, b, y: _larger(bar, b, a), lambda bar, a, b, y: _larger(bar, a, b)),
    "pow": _two(_power_of_base, _power_of_exponent),
    "integer_pow": _integer_pow,
    "neg": lambda kind: (lambda bar, xs, ys: -bar,),
    "abs": _same(lambda x, y: np.where(x > 0, 1.0, np.where(x < 0, -1.0, 0.0))),
    "exp": _same(lambda x, y: y),
    "exp2": _same(lambda x, y: y * math.log(2)),
    "log": lambda kind: (lambda bar, xs, ys: bar / xs[0],),
    "log1p": lambda kind: (lambda bar, xs, ys: bar / (1 + xs[0]),),
    "expm1": _same(lambda x, y: y + 1),
    "tanh": _same(lambda x, y: 1 - y * y),
    "logistic": _same(lambda x, y: y * (1 - y)),
    "square": _same(lambda x, y: 2 * x),
    "sqrt": lambda kind: (lambda bar, xs, ys: bar / (2 * ys[0]),),
    "rsqrt": lambda kind: (lambda bar, xs, ys: -bar * ys[0] / (2 * xs[0]),),
    "cbrt": lambda kind: (lambda bar, xs, ys: bar * ys[0] / (3 * xs[0]),),
    "sin": _same(lambda x, y: np.cos(x)),
    "cos": _same(lambda x, y: -np.sin(x)),
    "tan": _same(lambda x, y: 1 + y * y),
    "sinh": _same(lambda x, y: np.cosh(x)),
    "cosh": _same(lambda x, y: np.sinh(x)),
    "asin": lambda kind: (lambda bar, xs, ys: bar / np.sqrt(1 - xs[0] * xs[0]),),
    "acos": lambda kind: (lambda bar, xs, ys: -bar / np.sqrt(1 - xs[0] * xs[0]),),
    "atan": lambda kind: (lambda bar, xs, ys: bar / (1 + xs[0] * xs[0]),),
    "asinh": lambda kind: (lambda bar, xs, ys: bar / np.sqrt(1 + xs[0] * xs[0]),),
    "acosh": lambda kind: (lambda bar, xs, ys: bar / np.sqrt(xs[0] * xs[0] - 1),),
    "atanh": lambda kind: (lambda bar, xs, ys: bar / (1 - xs[0] * xs[0]),),
    "erf": _same(lambda x, y: _two_over_root_pi * np.exp(-x * x)),
    "erfc": _same(lambda x, y: -_two_over_root_pi * np.exp(-x * x)),
    **dict.fromkeys(("sign", "floor", "ceil", "round", "iota"), _nothing),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "is_finite", "argmax", "argmin"), _nothing),
    **dict.fromkeys(
        (
            "copy",
            "copy_p",
            "name",
            "stop_gradient",
            "optimization_barrier",
            "reduce_precision",
            "convert_element_type",
            "device_put",
            OUTPUT,
        ),
        lambda kind: [_pass_on(kind, k) for k in range(len(kind.shapes))],
    ),
    "clamp": _clamp,
    "dot_general": _dot_general,
    **dict.fromkeys(("reshape", "squeeze", "expand_dims"), _to_own_shape),
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast_in_dim,
    "reduce_sum": _reduce_sum,
    **dict.fromkeys(("reduce_max", "reduce_min"), _reduce_best),
    "concatenate": _concatenate,
    "stack": _stack,
    "unstack": _join_results(lambda kind, bars: np.stack(bars, kind.params["axis"])),
    "split": _join_results(lambda kind, bars: np.concatenate(bars, kind.params["axis"])),
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "select_n": _select_n,
    "rev": lambda kind: (lambda bar, xs, ys: np.flip(bar, kind.params["dimensions"]),),
    "cumsum": _cumsum,
    **dict.fromkeys(("gather", "pad", "tile", "scatter"), _by_number),
    "scatter-add": _scatter_add,
}
"""The rules by the primitive's name."""
