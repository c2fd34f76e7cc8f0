"""Factors side by side: functions with their arguments, derivatives, times in brackets, quotients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lstm_ref.errors import BadInput
from lstm_ref.written.derivatives import LITTLE_D, D, Nabla, Partial, bare_group, quotient
from lstm_ref.written.terms import (
    Add,
    Apply,
    Brackets,
    Diag,
    Dot,
    Fn,
    Jacobian,
    Name,
    Neg,
    Node,
    Num,
    Pow,
    Stack,
    StackedBlock,
    Sym,
    Term,
    Time,
    Transpose,
)

FUNCTIONS = {
    "sigma": "sigmoid",
    "sigmoid": "sigmoid",
    "sigm": "sigmoid",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "relu": "relu",
    "exp": "exp",
    "log": "log",
    "ln": "log",
    "diag": "diag",
}
"""Functions by the word that names them, in lower case."""


@dataclass(frozen=True)
class Power(Node):
    """tanh² before its argument."""

    fn: Fn
    exponent: int


def product(items: list[Any], step: str) -> Term:
    """Factors side by side: derivatives, functions with their arguments, times in brackets, quotients."""
    items = _with_bracketed_times(items, step)
    found: list[Any] = []
    k = 0
    while k < len(items):
        item = items[k]
        after = items[k + 1] if k + 1 < len(items) else None
        k += 1
        if isinstance(item, tuple) and isinstance(item[1], Partial) and found and after is not None:
            found.append(quotient(found.pop(), D(after, item[1].ordered)))
            k += 1
        elif isinstance(item, tuple) and item[1] == LITTLE_D and found[-2:-1] == [LITTLE_D] and after is not None:
            found[-2:] = [quotient(D(found[-1], False), D(after, False))]
            k += 1
        elif isinstance(item, tuple) and item[0] == "/":
            found.append(quotient(found.pop(), item[1]) if found else item[1])
        elif isinstance(item, Partial):
            if after is None or isinstance(after, tuple):
                raise BadInput(r"expected a symbol after \partial")
            found.append(D(after, item.ordered))
            k += 1
        elif isinstance(item, Nabla):
            if item.by is None:
                raise BadInput(r"expected one symbol below \nabla, got nothing")
            if isinstance(after, Sym):
                k += 1
            found.append(Jacobian(after if isinstance(after, Sym) else Sym(Name("L")), item.by))
        elif isinstance(item, (Fn, Power)) and after is not None:
            fn = item.fn if isinstance(item, Power) else item
            argument, wrap = _unwrapped(after)
            applied = Diag(argument) if fn.name == "diag" else Apply(fn, argument)
            found.append(wrap(Pow(applied, item.exponent) if isinstance(item, Power) else applied))
            k += 1
        elif (
            isinstance(item, Sym)
            and item.time is None
            and item.name.letter.startswith(r"\mathrm{")
            and isinstance(after, (Brackets, Stack))
        ):
            known = ", ".join(sorted(set(FUNCTIONS.values())))
            raise BadInput(f"expected a function of {known}, got {item.name}")
        elif _is_functions(item) and after is not None:
            whole = product(list(items[k:]), step)
            whole = whole.arg if isinstance(whole, Brackets) else whole
            fns = [row[0] for row in item.rows]
            found.append(
                Stack(tuple((Apply(fn, StackedBlock(whole, n, (Name(str(len(fns))),))),) for n, fn in enumerate(fns)))
            )
            k = len(items)
        else:
            found.append(item)
    return found[0] if len(found) == 1 else Dot(tuple(found))


def _with_bracketed_times(items: list[Any], step: str) -> list[Any]:
    """`h (t-1)` as h at t − 1, below a derivative too."""
    found: list[Any] = []
    for item in items:
        before = found[-1] if found else None
        inner = before[1] if isinstance(before, tuple) else before
        if isinstance(inner, Sym) and inner.time is None and (moment := _bracketed_time(item, step)):
            time, wrap = moment
            timed = wrap(Sym(inner.name, time))
            found[-1] = ("/", timed) if isinstance(before, tuple) else timed
        else:
            found.append(item)
    return found


def _unwrapped(term: Term) -> tuple[Term, Any]:
    """The argument of a function, and what its scripts do to the function's value: `\\tanh(c)^2`."""
    if isinstance(term, (Pow, Transpose)):
        inner = term.base if isinstance(term, Pow) else term.arg
        if isinstance(inner, (Brackets, Transpose, Pow)):
            argument, wrap = _unwrapped(inner)
            if isinstance(term, Pow):
                return argument, lambda v: Pow(wrap(v), term.exponent)
            return argument, lambda v: Transpose(wrap(v))
    return bare_group(term), lambda v: v


def _is_functions(term: Term) -> bool:
    return isinstance(term, Stack) and all(len(row) == 1 and isinstance(row[0], Fn) for row in term.rows)


def _bracketed_time(term: Term, step: str) -> tuple[Time, Any] | None:
    """`(t - 1)` after a symbol, and what its scripts do to the symbol: `d(t)^T`."""
    inner = term.base if isinstance(term, Pow) else term.arg if isinstance(term, Transpose) else term
    time = _time(inner.arg, step) if isinstance(inner, Brackets) else None
    return None if time is None else (time, _unwrapped(term)[1])


def _time(term: Term, step: str) -> Time | None:
    """`t`, `t - 1`, `T` … as a time."""
    terms = term.terms if isinstance(term, Add) else (term,)
    if len(terms) > 2 or not isinstance(terms[0], Sym) or terms[0].time is not None:
        return None
    anchor = {Name("T"): "T", Name(r"\tau"): "T", Name(step): "t"}.get(terms[0].name)
    if anchor is None:
        return None
    if len(terms) == 1:
        return Time(anchor, 0, "(")
    sign, value = (-1, terms[1].arg) if isinstance(terms[1], Neg) else (1, terms[1])
    return Time(anchor, sign * int(value.value), "(") if isinstance(value, Num) else None
