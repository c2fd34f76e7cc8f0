"""The passage of a derivation page on an equation: why it holds, the equation, and the code that proves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lstm_ref.errors import BadInput
from lstm_ref.pages.home import folder


class Passage(NamedTuple):
    """What stands on a page between two blocks of code or headings, with the block that ends it."""

    file: Path
    line: int
    """The line of the equation."""
    headings: tuple[str, ...]
    """The page's title and the headings that the passage is below."""
    text: str
    """Markdown."""

    @property
    def place(self) -> str:
        """As `derivations/lstm.md:71`."""
        return f"derivations/{self.file.name}:{self.line}"


def passage(tag: str) -> Passage:
    """The passage on the equation with this tag, as "L4*".

    Raises:
        BadInput: No page has such an equation, or no pages are installed.
    """
    if not passages():
        raise BadInput("the derivation pages are not installed with this package")
    if tag not in passages():
        raise BadInput(f"no derivation page has an equation {tag!r}")
    return passages()[tag]


@cache
def passages() -> dict[str, Passage]:
    """The passages of all pages by the tags of their equations; no two pages share a tag."""
    home = folder()
    pages = sorted(home.glob("*.md")) if home is not None else []
    return {tag: found for page in pages for tag, found in _on_page(page)}


def _on_page(page: Path) -> Iterator[tuple[str, Passage]]:
    headings: tuple[str, ...] = ()
    lines: list[str] = []
    tags: dict[str, int] = {}
    in_code = False
    for number, line in enumerate([*page.read_text(encoding="utf-8").splitlines(), "# end"], start=1):
        in_code ^= (fence := line.lstrip().startswith("```"))
        heading = None if in_code else re.match("(#+) (.*)", line)
        if not heading:
            lines.append(line)
            tags |= dict.fromkeys(re.findall(r"\\tag\{(.*?)\}", line), number)
        if heading or (fence and not in_code):  # the passage ends
            text = "\n".join(lines).strip("\n")
            yield from ((tag, Passage(page, at, headings, text)) for tag, at in tags.items())
            lines, tags = [], {}
        if heading:
            headings = (*headings[: len(heading[1]) - 1], heading[2])
