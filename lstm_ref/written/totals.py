"""Sums: over time, over the batch, over the members of a set."""

from __future__ import annotations

import re
from collections.abc import Callable

from lstm_ref.errors import BadInput
from lstm_ref.written.templates import substituted
from lstm_ref.written.terms import Brackets, SumB, SumI, SumT, Sym, Term, Time, added


def summed(term: Term, below: str, above: str, step: str, symbol: Callable[[str, str], Sym | None]) -> Term:
    """A sum.

    Args:
        term: What is added up.
        below: The text below Σ.
        above: The text above it.
        step: The letter that counts steps.
        symbol: Reads the name of a quantity.

    Raises:
        BadInput: The sum is over something else than time, the batch or a set.
    """
    if below in ("B", "b"):
        return SumB(term)
    if below == "" and above == "":
        return SumT(term)
    index, _, low = below.partition("=")
    if members := re.fullmatch(r"(\\?[A-Za-z]+)\\in\\\{(.*)\\\}", below):
        names = [symbol(m, step) for m in members[2].split(",")]
        return Brackets(added([substituted(term, members[1], n.name) for n in names if n is not None]))
    index = re.sub(r"\\leq?.*$", "", index)
    if index != step and re.fullmatch(r"(\\[a-z]+|[A-Za-z])'*", index) and low in ("", "0", "1"):
        return SumI(term, index)
    if index != step:
        raise BadInput(f"expected a sum over {step} or over the batch B, got one over {below or above}")
    return SumT(term, _bound(low, step), _bound(above, step))


def _bound(text: str, step: str) -> Time | None:
    if not text:
        return None
    if (found := re.fullmatch(r"(T(?:_\w|_\{\w+\})?|N|\\tau)([+-]\d+)?", text)) and found[1] != step:
        return Time("T", int(found[2] or 0))
    if re.fullmatch(r"\d+", text):
        return Time("", int(text))
    raise BadInput(f"expected a bound as 1, T or T-1, got {text}")
