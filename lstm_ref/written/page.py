r"""The equations of a page, as pieces of its text: displays of Markdown and LaTeX, cut into single equations.

Nothing is moved: what the parser must not see (comments, `&`, `\tag`, spacing) is blanked in place, so that an offset
into an equation is an offset into the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ENVIRONMENTS = "equation|align|alignat|gather|eqnarray|multline|flalign|displaymath|math"
_FENCE = r"^[ \t]*(?P<mark>```+|~~~+)[ \t]*math(?![A-Za-z])[^\n]*\n(?P<fence>.*?)^[ \t]*(?P=mark)"
_DISPLAY = re.compile(
    rf"\$\$(?P<dollars>.*?)\$\$"
    rf"|\\begin\{{(?P<name>(?:{_ENVIRONMENTS})\*?)\}}(?P<environment>.*?)\\end\{{(?P=name)\}}"
    rf"|\\\[(?P<brackets>.*?)\\\]"
    rf"|{_FENCE}",
    re.S | re.M,
)
RELATION = re.compile(r"=|\\(?:equiv|leftarrow|gets)(?![A-Za-z])")
"""What makes a formula an equation."""
_INLINE = re.compile(r"(?<![\\$])\$(?P<inline>[^$]+?)\$(?!\$)|\\\((?P<parens>.+?)\\\)", re.S)
_CODE = re.compile(rf"{_FENCE}|^[ \t]*(?P<code>```+|~~~+).*?^[ \t]*(?P=code)|<!--.*?-->|`[^`\n]*`", re.S | re.M)
"""What Markdown does not typeset, and fences that are typeset, so that none of their marks is taken for code's."""
_VERBATIM = re.compile(r"\\begin\{(verbatim|lstlisting|comment)\}.*?\\end\{\1\}|(?<!\\)%[^\n]*", re.S)

_UNSEEN = re.compile(
    r"\\(?:tag|label|intertext|shortintertext|hspace|vspace|phantom|hphantom|vphantom|eqref|ref|cite|footnote)\*?"
    r"\s*\{(?:[^{}]|\{[^{}]*\})*\}"
    r"|\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|biggl?|biggr?|Biggl?|Biggr?|middle)(?![A-Za-z])\.?"
    r"|\\(?:nonumber|notag|displaystyle|textstyle|scriptstyle|limits|nolimits|allowbreak|null|quad\s*\\text\{and\})"
    r"(?![A-Za-z])"
    r"|(?<!\\)\\[,;:!> ]|~"
    r"|\\text\{\s*\([^{}]*\)\s*\}"
    rf"|\\(?:begin|end)\{{(?:aligned|split|gathered|alignedat|(?:{_ENVIRONMENTS})\*?)\}}(?:\{{\d+\}})?"
)
_NESTED = re.compile(r"\\(begin|end)\{(p|b|v|B|small)?(?:matrix|array)\}")


@dataclass(frozen=True)
class Piece:
    """One equation of a page, blanked to what the parser reads."""

    text: str
    """The whole page, with everything outside this equation left out on the right, and unseen marks blanked."""
    start: int
    end: int
    tag: str | None
    inline: bool = False

    @property
    def source(self) -> str:
        """The equation itself."""
        return self.text[self.start : self.end]


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def pieces(text: str, is_tex: bool) -> list[Piece]:
    """Every equation of the page in its order; those inside of sentences are marked `inline`.

    Args:
        text: The file's text.
        is_tex: Whether it is LaTeX; else Markdown.

    Returns:
        One piece for each equation: rows of an `align`, and equations of one row that `\\quad` parts, are equations of
        their own. A row that begins with an operator continues the row before.
    """
    seen = without_code(text, is_tex)
    found: list[Piece] = []
    for match in _DISPLAY.finditer(seen):
        group = next(k for k in ("dollars", "environment", "brackets", "fence") if match[k] is not None)
        found += _equations(seen, match.start(group), match.end(group), inline=False)
    prose = _DISPLAY.sub(_blank, seen)
    for match in _INLINE.finditer(prose):
        group = "inline" if match["inline"] is not None else "parens"
        found += _equations(prose, match.start(group), match.end(group), inline=True)
    return sorted(found, key=lambda piece: piece.start)


def without_code(text: str, is_tex: bool) -> str:
    """The text with comments, and what is shown as it stands, blanked."""
    return _VERBATIM.sub(_blank, text) if is_tex else _CODE.sub(_blank_code, text)


def _blank(match: re.Match[str]) -> str:
    """Spaces for what is not read; line breaks stay."""
    return re.sub(r"[^\n]", " ", match[0])


def _blank_code(match: re.Match[str]) -> str:
    return _blank(match) if match["fence"] is None else match[0]


def _equations(text: str, start: int, end: int, inline: bool) -> Iterator[Piece]:
    body = text[start:end]
    tags = [(m.start(), m[1]) for m in re.finditer(r"\\tag\*?\{([^{}]*)\}", body)]
    body, cuts = _cuts(_UNSEEN.sub(_blank, body))
    whole = text[:start] + body + text[end:]
    for k, (a, b) in enumerate(cuts):
        row = body[a:b]
        inner = row.rstrip().rstrip(",.;").rstrip()
        if not inner.strip():
            continue
        at = a + len(row) - len(row.lstrip())
        until = cuts[k + 1][0] if k + 1 < len(cuts) else len(body)
        tag = next((name for where, name in tags if a <= where < until or (len(tags) == 1 and where >= a)), None)
        yield Piece(whole, start + at, start + a + len(inner), tag, inline)


_CUT = re.compile(r"\\\\(\[[^\]]*\])?|\\q?quad(?![A-Za-z])|[;,]")


def _cuts(body: str) -> tuple[str, list[tuple[int, int]]]:
    r"""The body without the `&` and `\\` that no matrix needs, and where its equations begin and end.

    They end at `\\`, at `\quad`, at an `&` after a complete equation, and at a comma or semicolon outside of brackets.
    A part that begins with an operator, or has no relation of its own, belongs to the part before.
    """
    shown, parts, depth, matrix, at, k = list(body), [], 0, 0, 0, 0
    while k < len(body):
        if nested := _NESTED.match(body, k):
            matrix += 1 if nested[1] == "begin" else -1
            k = nested.end()
            continue
        cut = None if matrix else _CUT.match(body, k)
        if cut and (depth <= 0 or body[k] == "\\"):
            if body[k] == "\\":
                shown[k : cut.end()] = " " * len(cut[0])
            if depth <= 0 or cut[0].startswith("\\\\"):
                parts.append((at, k))
                at, depth = cut.end(), 0
            k = cut.end()
            continue
        if body[k] == "&" and not matrix:
            shown[k] = " "
            if depth <= 0 and re.search(r"=\s*&?\s*[^\s&]", body[at:k]):  # a column of its own
                parts.append((at, k))
                at = k + 1
        depth += (body[k] in "{[(") - (body[k] in "}])")
        k += 2 if body[k] == "\\" else 1
    merged: list[tuple[int, int]] = []
    for a, b in [*parts, (at, len(body))]:
        if merged and not _own("".join(shown[a:b]).strip()):
            merged[-1] = (merged[-1][0], b)
        else:
            merged.append((a, b))
    return "".join(shown), merged


def _own(text: str) -> bool:
    """Whether this part is an equation of its own, not the rest of the one before."""
    is_set = re.fullmatch(r"\(\s*\\?[A-Za-z]+\s*=[^()]*,[^()]*\)", text)  # (k = i, f, o), of the equation before
    return (
        "=" in text
        and not is_set
        and not re.match(r"[=+\-*]|\\(?:odot|circ|cdot|times|otimes|equiv)(?![A-Za-z])", text)
    )
