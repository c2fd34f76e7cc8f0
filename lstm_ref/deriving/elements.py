"""A loop over elements, as one operation on whole arrays.

`for j in range(H): a[j] = np.tanh(W[j] @ x + b[j])` is a stack of H expressions that differ only in which element of W
and b they read: tanh(W @ x + b). A sum over k of U[j, k] · h[k] is a product first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_ref.deriving import expressions as ex
from lstm_ref.deriving.expressions import Call, Contraction, Expression, Number, Product, Sum

ELEMENTWISE = ("sigmoid", "tanh", "relu", "softplus", "exp", "log", "sqrt", "sin", "cos", "abs", "maximum", "where")


def over_elements(e: Expression) -> Expression | None:
    """A stack along the first axis as one expression; None where its parts differ in more than the element."""
    if not isinstance(e, Call) or e.function != "stack" or e.settings != (0,) or len(e.arguments) < 2:
        return None
    found = _along([_with_products(a) for a in e.arguments])
    return found if found is not None and found.shape == e.shape else None


def _with_products(e: Expression) -> Expression:
    """Σ_k a[k] b[k] over all elements of two vectors as a @ b."""

    def change(c: Expression) -> Expression | None:
        if not isinstance(c, Sum):
            return None
        taken: dict[tuple[Expression, Expression], dict[int, int]] = {}
        for at, (number, t) in enumerate(c.terms):
            if number == 1 and isinstance(t, Product) and t.number == 1 and [p for _, p in t.factors] == [1, 1]:
                (a, k), (b, n) = (_element(f) for f, _ in t.factors)
                if k == n >= 0 and len(a.shape) == len(b.shape) == 1:
                    taken.setdefault((a, b), {})[k] = at
        whole = {pair: at for pair, at in taken.items() if set(at) == set(range(pair[0].shape[0]))}
        if not whole:
            return None
        gone = {k for at in whole.values() for k in at.values()}
        rest = [(n, _with_products(t)) for k, (n, t) in enumerate(c.terms) if k not in gone]
        return ex.plus(*rest, *((1, ex.dot(a, b, ("a", "a", ""))) for a, b in whole))

    return ex.rebuilt(e, change)


def _element(e: Expression) -> tuple[Expression, int]:
    """What an element is taken from along its first axis, and its number; −1 where it is none."""
    is_it = isinstance(e, Call) and e.function == "index" and e.settings[0] == 0
    return (e.arguments[0], e.settings[1]) if is_it else (e, -1)  # type: ignore[attr-defined]


def _along(parts: Sequence[Expression]) -> Expression | None:
    """The parts under each other along a new first axis, from an expression of arrays that have this axis."""
    first = parts[0]
    taken = [_element(p) for p in parts]
    if all(a == taken[0][0] and k == at for at, (a, k) in enumerate(taken)):
        whole = taken[0][0]
        window = ((0, len(parts)), *((0, n) for n in whole.shape[1:]))
        return ex.call("slice", whole, settings=(window,))
    if all(isinstance(p, Number) for p in parts):
        return ex.constant(np.array([float(p.value) for p in parts]))  # type: ignore[attr-defined]
    if len({type(p) for p in parts}) > 1:
        return None
    match first:
        case Sum():
            rows = [p.terms for p in parts]  # type: ignore[attr-defined]
            if len({tuple(k for k, _ in row) for row in rows}) > 1:
                return None
            terms = _operands([[t for _, t in row] for row in rows], first.shape)
            return terms and ex.plus(*((k, t) for (k, _), t in zip(rows[0], terms, strict=True)))
        case Product():
            if len({(p.number, *(q for _, q in p.factors)) for p in parts}) > 1:  # type: ignore[attr-defined]
                return None
            factors = _operands([[f for f, _ in p.factors] for p in parts], first.shape)  # type: ignore[attr-defined]
            powers = (ex.power(f, q) for f, (_, q) in zip(factors or (), first.factors, strict=bool(factors)))
            return factors and ex.times(ex.number(first.number), *powers)
        case Call() if first.function in ELEMENTWISE:
            if len({(p.function, p.settings, len(p.arguments)) for p in parts}) > 1:  # type: ignore[attr-defined]
                return None
            arguments = _operands([p.arguments for p in parts], first.shape)  # type: ignore[attr-defined]
            return arguments and ex.call(first.function, *arguments, settings=first.settings)
        case Contraction():
            return _products(parts)  # type: ignore[arg-type]
    return None


def _operands(rows: Sequence[Sequence[Expression]], shape: ex.Shape) -> Any:
    """The operands of one operation for those of each part; None where some differ in more than the element."""
    found = [_beside(list(column), shape) for column in zip(*rows, strict=True)]
    return None if None in found else found


def _beside(parts: list[Expression], shape: ex.Shape) -> Expression | None:
    """Operands of an operation whose results have this shape: the one that all have in common, or all of them."""
    if _are_one(parts):
        return parts[0]
    found = _along(parts)
    missing = len(shape) - len(parts[0].shape)
    return found if found is None or not missing else ex.expand(found, tuple(range(1, 1 + missing)))


def _products(parts: Sequence[Contraction]) -> Expression | None:
    """W[j] @ x as W @ x."""
    first = parts[0]
    if any(p.letters != first.letters for p in parts):
        return None
    new = next(c for c in "zyxwvu" if c not in "".join(first.letters))
    lefts, rights = [p.left for p in parts], [p.right for p in parts]
    left, right = (side[0] if _are_one(side) else _along(side) for side in (lefts, rights))
    if left is None or right is None:
        return None
    la, lb, lo = first.letters
    return ex.dot(left, right, (la if _are_one(lefts) else new + la, lb if _are_one(rights) else new + lb, new + lo))


def _are_one(parts: Sequence[Expression]) -> bool:
    return all(p == parts[0] for p in parts)
