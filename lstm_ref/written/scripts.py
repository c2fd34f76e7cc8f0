r"""What stands below and above a symbol: a time, labels, a transpose, a power, primes.

Scripts are single tokens of the grammar; they are read here, from their text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lstm_ref.errors import BadInput
from lstm_ref.written.terms import Time

WRAPPER = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|mathrm|mathit|mathsf|mathtt|text|textrm|textbf|textit|texttt|operatorname|mathcal|vec"
    r"|mathbb|mathscr|rm|bf|pmb|bold)\*?(?![A-Za-z])\s*"
)


@dataclass
class Scripts:
    """What the scripts of one base say."""

    below: list[str]
    above: list[str]
    time: Time | None = None
    transposed: bool = False
    power: int | None = None
    primes: int = 0
    ordered: bool = False
    raw_below: str = ""


_TRANSPOSE = r"(?:\\top|\\intercal|\\prime|T|\\(?:mathsf|mathrm|text|mathbf)(?:\{T\}| T))"


def plain(text: str) -> str:
    """A script's text without braces, spaces and the commands that only choose a typeface."""
    text = text.strip()
    while text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    text = re.sub(r"\\[,;:! ]", "", WRAPPER.sub("", text))
    text = re.sub(r"^\{([^{}]*)\}$", r"\1", text.strip())
    return re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", text.replace("−", "-"))


def read_scripts(tokens: list[Any], step: str) -> Scripts:
    """What the scripts of one symbol say.

    Args:
        tokens: Its subscripts, superscripts and primes.
        step: The letter that counts steps.
    """
    script = Scripts([], [])
    for token in tokens:
        if token.type == "PRIME":
            script.primes += 1
            continue
        text = str(token)[1:].strip()
        above = token.type == "SUP"
        if above and re.fullmatch(r"\{?\s*'+\s*\}?|\{?\\prime\}?", text):
            script.primes += 1
            continue
        bare = text[1:-1].strip() if text.startswith("{") else text
        if above and (found := re.fullmatch(rf"(.*?)\s*{_TRANSPOSE}", bare)):
            script.transposed = True
            text = found[1].strip(" ,")
        if not above:
            script.raw_below = bare
        for label in _labels(plain(text)):
            _put(script, label, above, step)
    return script


def _labels(text: str) -> list[str]:
    parts, depth = [""], 0
    for c in text:
        depth += (c in "({") - (c in ")}")
        if c in ",;" and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p for p in parts if p]


def _put(script: Scripts, label: str, above: bool, step: str) -> None:
    bare = re.sub(r"^\\langle|\\rangle$|^[(<\[]|[)>\]]$", "", label).strip()
    if found := re.fullmatch(rf"({re.escape(step)}|T|\\tau)([+-]\d+)?", bare):
        if script.time is not None:
            raise BadInput(f"two times at one symbol: {label}")
        script.time = Time("t" if found[1] == step else "T", int(found[2] or 0), "^" if above else "_")
    elif bare == "prev":
        script.time = Time("t", -1)
    elif above and re.fullmatch(r"\d+", label):
        script.power = int(label)
    elif above and (power := re.fullmatch(r"\\(?:circ|odot)(\d+)", label)):
        script.power = int(power[1])
    elif above and label == "+":
        script.ordered = True
    elif above and label == "-1":
        raise BadInput("an inverse, ^{-1}, has no place in these equations: expected a time, a label, T or a power")
    else:
        (script.above if above else script.below).append(bare)
