"""Slips planted in the LaTeX of a right page: one line, one edit of its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lstm_ref.written.check import check_text
from lstm_ref.written.page import pieces, place

SYMBOL = r"(?:\\mathbf\{[a-zA-Z]\}|\\tilde (?:\\mathbf\{)?[a-zA-Z]\}?|\\hat [a-z]|[a-zA-Z])"
TIME = r"(?:_t|\^t|_\{t\}|\^\{\(t\)\}|_\{t\+1\}|\^\{t\+1\}|\^\{\(t\+1\)\}|\(t\))"


@dataclass(frozen=True)
class Slip:
    kind: str
    line: int
    page: str
    was: str
    is_now: str
    start: int
    end: int
    """Where the equation begins and ends in the page."""

    def corrected(self, equations: list[str]) -> str:
        """The page with other equations in the place of the one with the slip."""
        return self.page[: self.start] + r" \quad ".join(equations) + self.page[self.end :]


def flipped_signs(right: str) -> Iterator[str]:
    for m in re.finditer(r" ([+-]) ", right):
        yield right[: m.start(1)] + ("-" if m[1] == "+" else "+") + right[m.end(1) :]


def dropped_transposes(right: str) -> Iterator[str]:
    for m in re.finditer(r"\^\\top|(?<!\})\^T(?![A-Za-z])|(?<=\}\})\^T|(?<=\))\\top(?=\})", right):
        yield right[: m.start()] + right[m.end() :]


def dropped_terms(right: str) -> Iterator[str]:
    """Each term of the sum on the right."""
    cuts, depth = [0], 0
    for k, c in enumerate(right):
        depth += (c in "({[") - (c in ")}]")
        if not depth and right[k : k + 3] == " + ":
            cuts.append(k)
    if len(cuts) > 1 and "\\sum" not in right:
        for a, b in zip(cuts, [*cuts[1:], len(right)], strict=True):
            rest = (right[:a] + right[b:]).strip()
            yield " " + rest.removeprefix("+ ")


def shifted_times(right: str) -> Iterator[str]:
    for m in re.finditer(r"(_\{|\^\{|\^\{\()t([-+])1(\)?\})", right):
        yield right[: m.start()] + m[1] + "t" + m[3] + right[m.end() :]
    for m in re.finditer(r"([_^])t(?![A-Za-z])", right):
        if "\\sum" not in right[max(0, m.start() - 5) : m.start()]:
            yield right[: m.start()] + m[1] + "{t-1}" + right[m.end() :]


def other_slopes(right: str) -> Iterator[str]:
    """σ' for tanh', tanh' for σ'."""
    for m in re.finditer(rf"({SYMBOL}{TIME}) (\\odot|\\circ|\*) \(1 - \1\)", right):
        yield right[: m.start()] + f"(1 - {m[1]} {m[2]} {m[1]})" + right[m.end() :]
    for m in re.finditer(rf"\(1 - ({SYMBOL}{TIME})(?:\^2| \\odot \1)\)", right):
        sign = "*" if " * " in right else r"\circ" if r"\circ" in right else r"\odot"
        yield right[: m.start()] + f"{m[1]} {sign} (1 - {m[1]})" + right[m.end() :]
    for m in re.finditer(r"\\tanh'", right):
        yield right[: m.start()] + r"\sigma'" + right[m.end() :]


def values_for_activations(right: str) -> Iterator[str]:
    """c for tanh(c), and 1 - c² for 1 - tanh²(c)."""
    for m in re.finditer(r"\\tanh\^2\(([^()]*)\)", right):
        yield right[: m.start()] + f"{m[1]}^2" + right[m.end() :]
    for m in re.finditer(r"(?:\\tanh|\\phi|(?<![a-zA-Z\\])h)\((\\mathbf\{[a-z]\}\^t|[a-z]_t|s\^\{\(t\)\})\)", right):
        yield right[: m.start()] + m[1] + right[m.end() :]


def dropped_factors(right: str) -> Iterator[str]:
    for m in re.finditer(rf" (?:\\odot|\\circ|\*) {SYMBOL}{TIME}(?= |$|\))", right):
        yield right[: m.start()] + right[m.end() :]


KINDS: dict[str, Callable[[str], Iterator[str]]] = {
    "sign": flipped_signs,
    "transpose": dropped_transposes,
    "reader": dropped_terms,
    "time": shifted_times,
    "slope": other_slopes,
    "activation": values_for_activations,
    "factor": dropped_factors,
}


def slips(text: str, is_tex: bool) -> list[Slip]:
    """Every slip of every kind in every backward line of a right page."""
    backward = {(line.line, line.source) for line in check_text(text, is_tex=is_tex).lines}
    found = []
    for piece in pieces(text, is_tex):
        line = place(piece.text, piece.start)[0]
        source = text[piece.start : piece.end]
        is_chain = source.count("=") != 1 + source.count("t=")
        if piece.inline or is_chain or (line, " ".join(piece.source.split())) not in backward:
            continue
        left, right = re.split(r"(?<!t)=", source, maxsplit=1)
        for kind, plant in KINDS.items():
            for new in plant(right):
                page = text[: piece.start] + left + "=" + new + text[piece.end :]
                end = piece.start + len(left + "=" + new)
                was, is_now = (" ".join(side.split()) for side in (right, new))
                found.append(Slip(kind, line, page, was, is_now, piece.start, end))
    return found
