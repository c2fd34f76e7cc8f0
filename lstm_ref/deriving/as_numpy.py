"""Expressions as lines of NumPy (or JAX) that a person reads at once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from lstm_ref.arithmetic.sliding import same
from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.expressions import Call, Constant, Contraction, Expression, Leaf, Number, Product, Sum

SUM, PRODUCT, DOT, POWER, ATOM = 1, 2, 2, 4, 9
"""How tightly an operation binds."""
FUNCTIONS = {"abs": "abs", "power": "power", "maximum": "maximum", "sign": "sign"}
COMPARED = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
LOGIC = {"and": "&", "or": "|"}
HELPERS = {
    "sigmoid": "def sigmoid(a):\n    return 1 / (1 + np.exp(-a))",
    "softplus": "def softplus(a):\n    return np.log(1 + np.exp(a))",
    "relu": "def relu(a):\n    return np.maximum(a, 0)",
    "softmax": (
        "def softmax(a, axis=-1):\n    e = np.exp(a - a.max(axis=axis, keepdims=True))\n"
        "    return e / e.sum(axis=axis, keepdims=True)"
    ),
    "patches": (
        "def patches(x, axes, widths, pads=None):\n"
        '    """For every place the elements under a kernel, zeros beyond the border; its axes come last."""\n'
        "    for axis, width, (low, high) in zip(axes, widths, pads or [((w - 1) // 2, w // 2) for w in widths]):\n"
        "        x = np.pad(x, [(low, high) if k == axis else (0, 0) for k in range(x.ndim)])\n"
        "        n = x.shape[axis] - width + 1\n"
        "        x = np.stack([x[(slice(None),) * axis + (slice(k, k + n),)] for k in range(width)], axis=-1)\n"
        "    return x"
    ),
    "spaced": (
        "def spaced(x, steps, shape):\n"
        '    """The elements of x among zeros, where `[::step]` takes them along each axis."""\n'
        "    for axis, (step, n) in enumerate(zip(steps, shape)):\n"
        "        x = np.stack([x] + [x * 0] * (step - 1), axis=axis + 1)\n"
        "        x = x.reshape(x.shape[:axis] + (-1,) + x.shape[axis + 2 :])[(slice(None),) * axis + (slice(n),)]\n"
        "    return x"
    ),
    "overlap": (
        "def overlap(seen, axes, widths, pads, shape):\n"
        '    """The transpose of `patches`: each element of a patch is added where it was read."""\n'
        "    for axis, width, (low, _) in reversed(list(zip(axes, widths, pads))):\n"
        "        ends = lambda k: [(k, width - 1 - k) if a == axis else (0, 0) for a in range(seen.ndim - 1)]\n"
        "        total = sum(np.pad(seen[..., k], ends(k)) for k in range(width))\n"
        "        seen = total[(slice(None),) * axis + (slice(low, low + shape[axis]),)]\n"
        "    return seen"
    ),
}
"""Functions that the written code defines, where it calls them."""


def numpy(e: Expression, names: Mapping[str, str] | None = None) -> str:
    """The text of an expression. `names` replaces names by other text."""
    return _Text(names or {}).text(e)[0]


class _Text:
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def text(self, e: Expression) -> tuple[str, int]:
        """The text, and how tightly its outermost operation binds."""
        match e:
            case Leaf():
                return self.names.get(e.name, e.name), ATOM
            case Constant():
                return _constant(e)
            case Number():
                top, bottom = as_ratio(e.value)
                if bottom > 1:
                    return f"{decimal(top)} / {bottom}", PRODUCT
                return decimal(top), ATOM if top >= 0 else SUM
            case Sum():
                return self._sum(e)
            case Product():
                return self._product(e)
            case Contraction():
                return self._dot(e)
            case Call():
                return self._call(e)
        raise TypeError(type(e).__name__)

    def inside(self, e: Expression, needed: int) -> str:
        """The text, in brackets where it binds less tightly."""
        text, binds = self.text(e)
        return text if binds >= needed else f"({text})"

    def _sum(self, e: Sum) -> tuple[str, int]:
        out = ""
        for k, t in sorted(e.terms, key=lambda kt: kt[0] < 0) if e.terms[0][0] < 0 else e.terms:
            size = abs(k)
            term = self.text(ex.times(ex.number(size), t)) if size != 1 else self.text(t)
            body = term[0] if term[1] > SUM else f"({term[0]})"
            out += (" - " if k < 0 else " + ") + body if out else ("-" if k < 0 else "") + body
        return out, SUM

    def _product(self, e: Product) -> tuple[str, int]:
        if (special := self._outer(e) or self._mean(e)) is not None:
            return special
        over = [self._power(f, p) for f, p in e.factors if p > 0]
        under = [self._power(f, -p) for f, p in e.factors if p < 0]
        top, bottom = as_ratio(abs(e.number))
        if top != 1 or not over:
            over.insert(0, decimal(top))
        if bottom > 1:
            under.insert(0, str(bottom))
        text = " * ".join(over)
        if under:
            text += " / " + (under[0] if len(under) == 1 else f"({' * '.join(under)})")
        return (f"-{text}", PRODUCT) if e.number < 0 else (text, PRODUCT)

    def _outer(self, e: Product) -> tuple[str, int] | None:
        if len(e.factors) == 2 and e.number == 1:
            (u, p), (v, q) = e.factors
            column = isinstance(u, Call) and u.function == "expand" and u.settings == ((1,),)
            if p == q == 1 and len(v.shape) == 1 and column:
                return f"np.outer({self.text(ex.children(u)[0])[0]}, {self.text(v)[0]})", ATOM
        return None

    def _mean(self, e: Product) -> tuple[str, int] | None:
        """A sum divided by how many there are."""
        for f, p in e.factors:
            inner = ex.children(f)[0] if isinstance(f, Call) and f.function == "expand" else f
            if p != 1 or not (isinstance(inner, Call) and inner.function == "sum"):
                continue
            axes, x = inner.settings[0], inner.arguments[0]
            kept = f is not inner
            if kept and f.settings != inner.settings:  # type: ignore[attr-defined]
                continue
            for c, q in e.factors:
                counts = isinstance(c, Call) and c.function == "count" and c.settings == inner.settings
                if q == -1 and counts and ex.children(c)[0].shape == x.shape:
                    mean = f"{self.inside(x, ATOM)}.mean({_axes(axes, x, keep=kept)})"
                    rest = [ex.power(g, k) for g, k in e.factors if g is not f and g is not c]
                    whole = ex.times(ex.number(e.number), Leaf(f.shape, mean), *rest)
                    return _Text({**self.names, mean: mean}).text(whole)
        return None

    def _power(self, f: Expression, p: int) -> str:
        if p == 1:
            return self.inside(f, PRODUCT + 1)
        return f"{self.inside(f, POWER + 1)}**{p}"

    def _dot(self, e: Contraction) -> tuple[str, int]:
        la, lb, lo = e.letters
        shared = [s for s in la if s in lb and s not in lo]
        batch = [s for s in la if s in lb and s in lo]
        if not batch and len(la) == len(lb) == 1:
            inner = f"{self.inside(e.left, PRODUCT + 1)} @ {self.inside(e.right, PRODUCT + 1)}"
            column, row = (e.left, e.right) if la + lb == lo else (e.right, e.left)
            outer = f"np.outer({self.text(column)[0]}, {self.text(row)[0]})"
            return (inner, DOT) if shared else (outer, ATOM)
        if not batch and len(shared) == 1 and len(la) <= 2 and len(lb) <= 2:
            return self._matrices(e, shared[0]), DOT
        if not batch and len(shared) == 1 and len(lb) == 2 and la[-1] == shared[0] and lo[:-1] == la[:-1]:
            right = self.inside(e.right, PRODUCT + 1) + (".T" if lb[1] == shared[0] else "")
            return f"{self.inside(e.left, PRODUCT + 1)} @ {right}", DOT
        return f'np.einsum("{la},{lb}->{lo}", {self.text(e.left)[0]}, {self.text(e.right)[0]})', ATOM

    def _matrices(self, e: Contraction, k: str) -> str:
        """As a product of matrices or with a vector; each operand is transposed where it stands the other way."""
        la, lb, lo = e.letters
        first, second = (e.left, la), (e.right, lb)
        if lo and lo[0] in lb:
            first, second = second, first
        if len(lo) == 1 and len(first[1]) == 1:  # vector @ matrix reads better as matrix.T @ vector
            first, second = second, first
        a, b = first, second
        left = self.inside(a[0], PRODUCT + 1)
        right = self.inside(b[0], PRODUCT + 1)
        if len(a[1]) == 2 and a[1][0] == k:
            left = self.inside(a[0], ATOM) + ".T"
        if len(b[1]) == 2 and b[1][1] == k:
            right = self.inside(b[0], ATOM) + ".T"
        return f"{left} @ {right}"

    def _call(self, e: Call) -> tuple[str, int]:
        x = e.arguments[0]
        first = lambda: self.text(x)[0]  # noqa: E731
        match e.function:
            case "sum":
                return f"{self.inside(x, ATOM)}.sum({_axes(e.settings[0], x)})", ATOM
            case "max":
                return f"{self.inside(x, ATOM)}.max({_axes(e.settings[0], x)})", ATOM
            case "expand":
                if isinstance(x, Call) and x.function in ("sum", "max") and x.settings == e.settings:
                    y = x.arguments[0]
                    return f"{self.inside(y, ATOM)}.{x.function}({_axes(x.settings[0], y, keep=True)})", ATOM
                places = ", ".join("None" if k in e.settings[0] else ":" for k in range(len(e.shape)))
                return f"{self.inside(x, ATOM)}[{places}]", ATOM
            case "transpose":
                if e.settings[0] == tuple(reversed(range(len(e.shape)))):
                    return f"{self.inside(x, ATOM)}.T", ATOM
                return f"np.transpose({first()}, {e.settings[0]})", ATOM
            case "reshape":
                return f"{self.inside(x, ATOM)}.reshape({_shape(e.shape)})", ATOM
            case "spread":
                return f"np.broadcast_to({first()}, {_shape(e.shape)})", ATOM
            case "slice":
                return self._slice(e)
            case "every":
                taken = ", ".join("::" * (s != 1) + (str(s) if s != 1 else ":") for s in e.settings[0])
                return f"{self.inside(x, ATOM)}[{taken}]", ATOM
            case "spaced":
                return f"spaced({first()}, {e.settings[0]}, {e.settings[1]})", ATOM
            case "head" | "tail":
                (axis,) = e.settings
                bound = f"{self.inside(e.arguments[1], ATOM)}.shape[{axis}]"
                window = f": {bound}" if e.function == "head" else f"{bound} :"
                return f"{self.inside(x, ATOM)}[{':, ' * axis}{window}]", ATOM
            case "index":
                axis, k = e.settings
                return f"{self.inside(x, ATOM)}[{':, ' * axis}{k}]", ATOM
            case "put":
                axis, k, shape = e.settings
                empty = f"0 * {self.inside(x, PRODUCT + 1)}"
                parts = ", ".join(first() if i == k else empty for i in range(shape[axis]))
                return f"np.stack([{parts}], axis={axis})", ATOM
            case "place":
                window, shape = e.settings
                widths = ", ".join(f"({a}, {n - b})" for (a, b), n in zip(window, shape, strict=True))
                return f"np.pad({first()}, ({widths},))", ATOM
            case "concatenate" | "stack":
                (axis,) = e.settings
                parts = ", ".join(self.text(a)[0] for a in e.arguments)
                return f"np.{e.function}([{parts}], axis={axis})", ATOM
            case "roll":
                shift, axis = e.settings
                n = x.shape[axis]
                along = "" if len(x.shape) == 1 else f", axis={axis}"
                return f"np.roll({first()}, {shift if shift <= n // 2 else shift - n}{along})", ATOM
            case "patches":
                axes, widths, pads = e.settings
                border = "" if pads == same(widths) else f", {pads}"
                return f"patches({first()}, {axes}, {widths}{border})", ATOM
            case "overlap":
                return f"overlap({first()}, {', '.join(map(str, e.settings))})", ATOM
            case "flip":
                return f"np.flip({first()}, {e.settings[0]})", ATOM
            case "count":
                axes = e.settings[0]
                if len(axes) == len(x.shape):
                    return f"{self.inside(x, ATOM)}.size", ATOM
                return " * ".join(f"{self.inside(x, ATOM)}.shape[{k}]" for k in axes), ATOM if len(
                    axes
                ) == 1 else PRODUCT
            case "softmax":
                last = e.settings[0] == len(e.shape) - 1
                return f"softmax({first()}{'' if last else f', axis={e.settings[0]}'})", ATOM
            case "power":
                return f"{self.inside(x, POWER + 1)}**{self.inside(e.arguments[1], POWER + 1)}", POWER
            case "not":
                return f"~{self.inside(x, ATOM)}", ATOM
        if e.function in COMPARED:
            a, b = (self.inside(v, SUM + 1) for v in e.arguments)
            return f"({a} {COMPARED[e.function]} {b})", ATOM
        if e.function in LOGIC:
            a, b = (self.inside(v, ATOM) for v in e.arguments)
            return f"({a} {LOGIC[e.function]} {b})", ATOM
        module = "" if e.function in HELPERS else "np."
        return f"{module}{e.function}({', '.join(self.text(a)[0] for a in e.arguments)})", ATOM

    def _slice(self, e: Call) -> tuple[str, int]:
        x, window = e.arguments[0], e.settings[0]
        partial = [k for k, (w, n) in enumerate(zip(window, x.shape, strict=True)) if w != (0, n)]
        if len(partial) == 1:
            (k,) = partial
            (a, b), n = window[k], x.shape[k]
            if n % (b - a) == 0 and a % (b - a) == 0 and n > b - a:
                axis = -1 if k == len(x.shape) - 1 else k
                return f"np.split({self.text(x)[0]}, {n // (b - a)}, axis={axis})[{a // (b - a)}]", ATOM
        bounds = ", ".join(
            ":" if w == (0, n) else f"{w[0] or ''}:{w[1] if w[1] < n else ''}"
            for w, n in zip(window, x.shape, strict=True)
        )
        return f"{self.inside(x, ATOM)}[{bounds}]", ATOM


def _axes(axes: tuple[int, ...], x: Expression, keep: bool = False) -> str:
    text = "" if len(axes) == len(x.shape) and not keep else f"axis={axes[0] if len(axes) == 1 else axes}"
    return ", ".join(filter(None, (text, "keepdims=True" if keep else "")))


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def decimal(v: Fraction) -> str:
    """A number as a float is written."""
    return str(int(v)) if v.denominator == 1 and abs(v) < 10**9 else repr(float(v))


def as_ratio(v: Fraction) -> tuple[Fraction, int]:
    """The number as top / bottom: 1 / 3 stays a division, 0.5 and 0.1 are numbers."""
    return (v, 1) if Fraction(float(v)) == v else (v * v.denominator, v.denominator)


def _constant(e: Constant) -> tuple[str, int]:
    v = e.value
    if v.size and np.all(v == v.flat[0]) and v.flat[0] in (0.0, 1.0):
        return f"np.{'ones' if v.flat[0] else 'zeros'}({_shape(e.shape)})", ATOM
    if len(e.shape) == 2 and e.shape[0] == e.shape[1] and np.array_equal(v, np.eye(len(v))):
        return f"np.eye({len(v)})", ATOM
    return f"np.array({v.tolist()})", ATOM


def used(expressions: Any) -> list[str]:
    """Which helpers these expressions call."""
    found = set()

    def walk(e: Expression) -> None:
        if isinstance(e, Call) and e.function in HELPERS:
            found.add(e.function)
        for c in ex.children(e):
            walk(c)

    for e in expressions:
        walk(e)
    return [h for h in HELPERS if h in found]
