"""A derivation page with its backward equations left blank, made from the page itself.

A student fills in the right sides of the equations with a backward tag (L4*), and the code that computes them. The
assertions that do not tell the answer stay, so a filled worksheet checks itself. The section on mistakes is left out.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lstm_ref import site
from lstm_ref.errors import BadInput
from lstm_ref.pages.home import folder

BLANK = r"\boxed{\phantom{\bar c + \bar u \odot u}}"
_DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.S)
_BACKWARD = re.compile(r"(.*)\\tag\{([A-Z]+\d+\*)\}(.*)", re.S)
_BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```", re.S | re.M)
_MISTAKES = re.compile(r"^## What goes wrong here\n.*?(?=^## |\Z)", re.S | re.M)
_TAG = re.compile(r"#.*\b[A-Z]{1,2}\d+\*")
_LINK = re.compile(r"\]\((?!https?:)(?:([\w./]+\.md)|graphs/(\w+\.svg))")
_NOTE = (
    "*A worksheet. Fill in the boxes and the lines that end in `...`; the assertions then tell whether they are right.*"
)


def worksheet(page: str) -> str:
    """The worksheet of a page.

    Args:
        page: The page's name, as lstm for derivations/lstm.md.

    Returns:
        Markdown.

    Raises:
        BadInput: There is no such page, or it has no backward equations.
    """
    text = _text(page)
    if not _has_equations(text):
        raise BadInput(f"derivations/{page}.md has no backward equations; pages that have: {', '.join(pages())}")
    text = _MISTAKES.sub("", text)
    text = _DISPLAYED.sub(lambda m: f"$${_blank(m[1])}$$", text)
    text = _BLOCK.sub(lambda m: f"{m[1]}```python\n{_blank_code(m[2])}{m[1]}```", text)
    text = _LINK.sub(_elsewhere, text)
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{_NOTE}\n{rest}"


def _elsewhere(link: re.Match[str]) -> str:
    """The link with the address of its page or picture, which do not lie beside the worksheet."""
    page, drawn = link.groups()
    return f"]({site.page(posixpath.normpath(f'derivations/{page}')) if page else site.picture(drawn)}"


def pages() -> list[str]:
    """The names of the pages that have backward equations."""
    home = folder()
    files = [] if home is None else sorted(home.glob("*.md"))
    return [file.stem for file in files if _has_equations(file.read_text(encoding="utf-8"))]


def _has_equations(text: str) -> bool:
    return any(_BACKWARD.fullmatch(m[1]) for m in _DISPLAYED.finditer(text))


def _text(page: str) -> str:
    home = folder()
    if home is None:
        raise BadInput("the derivation pages are not installed with this package")
    file = home / f"{page}.md"
    if Path(page).name != page or not file.is_file():
        raise BadInput(f"there is no page derivations/{page}.md; there are {', '.join(pages())}")
    return file.read_text(encoding="utf-8")


# --------------------------------------------------------------------------------------------------- equations


def _blank(displayed: str) -> str:
    """A displayed formula: equations side by side, each without its right side, if their tag is a backward one."""
    match = _BACKWARD.fullmatch(displayed)
    if match is None:
        return displayed
    parts = _outermost(match[1], r",\s*(?:\\[;,]|\\q?quad)")
    return r", \qquad ".join(_left(part) + BLANK for part in parts) + rf" \tag{{{match[2]}}}{match[3]}"


def _left(equation: str) -> str:
    """What stands left of the outermost sign, and the sign; nothing of an equation without one."""
    left, *right = _outermost(equation, r"\\leftarrow|\\mathrel\{\+\}=|=")
    sign = r"\leftarrow" if r"\leftarrow" in equation[len(left) :][:12] else "="
    return f"{left.strip()} {sign} " if right else ""


def _outermost(text: str, separator: str) -> list[str]:
    """The parts of the text between separators that are in no brackets."""
    parts, depth, begun = [], 0, 0
    for match in re.finditer(rf"\\[{{}}]|[{{}}\[\]()]|{separator}", text):
        if match[0] in ("{", "[", "("):
            depth += 1
        elif match[0] in ("}", "]", ")"):
            depth -= 1
        elif depth == 0 and not match[0].startswith((r"\{", r"\}")):
            parts.append(text[begun : match.start()])
            begun = match.end()
    return [*parts, text[begun:]]


# -------------------------------------------------------------------------------------------------------- code


def _blank_code(block: str) -> str:
    """The block with `...` for every answer in it; one without a backward tag has none."""
    lines = block.splitlines()
    if not any(map(_TAG.search, lines)):
        return block
    for statement in reversed(list(_simple(ast.parse(block)))):
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        tags = [m[0] for line in lines[first:last] if (m := _TAG.search(line))]
        if tags or _makes_an_adjoint(statement):
            kept = lines[first][: statement.col_offset] + _without_value(statement)
            lines[first:last] = [f"{kept}  {tags[0]}" if tags else kept]
    return "".join(f"{line}\n" for line in lines)


def _makes_an_adjoint(statement: ast.stmt) -> bool:
    """Whether it computes an adjoint by hand, or does so in the arguments of `proves`."""
    read = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    if isinstance(statement, ast.Assign):
        made = [node.id for t in statement.targets for node in ast.walk(t) if isinstance(node, ast.Name)]
        return any(name.endswith("_bar") for name in made) and read.isdisjoint(_NOT_BY_HAND)
    return _is_proof(statement)


def _is_proof(statement: Any) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith(".proves")


_NOT_BY_HAND = {"rng", "vjp", "jax", "jnp", "autodiff"}
"""Names in statements whose adjoints are given, or autodiff's."""


def _without_value(statement: Any) -> str:
    if isinstance(statement, ast.Assign):
        return " = ".join(map(_target, statement.targets)) + " = ..."
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target) + " += ..."
    if _is_proof(statement):
        call = statement.value
        for keyword in call.keywords:
            keyword.value = keyword.value if isinstance(keyword.value, ast.Name) else ast.Constant(...)
        return ast.unparse(call)
    return "return ..." if isinstance(statement, ast.Return) else "..."


def _target(node: ast.expr) -> str:
    return ", ".join(map(ast.unparse, node.elts)) if isinstance(node, ast.Tuple) else ast.unparse(node)


def _simple(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements that hold no others, in the order of the lines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt) and not hasattr(child, "body"):
            yield child
        else:
            yield from _simple(child)
