"""Why a formula is not an equation in this notation: place, what was expected, and what stands there."""

from __future__ import annotations

import re
from typing import Any

from lstm_ref.written.page import Piece, place

_KINDS = {
    "LETTER": "a symbol",
    "REL": "=",
    "SIGN": "+ or -",
    "RPAR": ")",
    "RBRACK": "]",
    "RBRACE": "}",
    "LBRACE": "{",
    "END": r"\end{pmatrix}",
    "RANGLE": r"\rangle",
    "COMMA": "a comma",
    "RNORM": r"\|",
    "$END": "the end",
}


def explained(error: Any, piece: Piece) -> str:
    """One line on why lark refused an equation."""
    offset = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    offset = piece.end - piece.start if at_end or offset is None else offset
    line, column = place(piece.text, min(piece.start + offset, piece.end))
    wanted = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    kinds = [words for kind, words in _KINDS.items() if kind in wanted]
    closing = [words for words in kinds if words in (")", "]", "}", r"\rangle", r"\end{pmatrix}")]
    expected = closing[0] if at_end and closing else " or ".join(kinds[:3]) or "a symbol"
    rest = piece.source[offset:]
    got = "the end of the equation" if at_end else repr((re.match(r"\\[A-Za-z]+|.", rest, re.S) or [rest])[0])
    remedy = ""
    if not at_end and rest.startswith(r"\prod"):
        remedy = r"; a product over steps is not read: the recursion that it solves is, as in ∂L/∂h_t = … ∂L/∂h_{t+1}"
    elif not at_end and (command := re.match(r"\\[A-Za-z]+", rest)):
        remedy = f"; {command[0]} is not a command that is known here: write it out, or leave it away"
    return f"line {line}, column {column}: expected {expected}, got {got}{remedy}, in {_short(piece.source)}"


def _short(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= 60 else text[:57] + "…"
