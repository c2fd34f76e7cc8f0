"""Mathematics as MathML, made when the site is built: no script, no fonts, no network.

Every browser of today draws MathML. It is made by latex2mathml, of which the HTML reports are made too.
"""

from __future__ import annotations

import html
import re
from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

TAG = re.compile(r"\\tag\{([^{}]*)\}")
"""An equation's number, which is written beside it."""


SPELLINGS = (
    (re.compile(r"\\mathrel\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\arg\s*\\(max|min)"), r"\\mathrm{arg\\,\1}"),
    (re.compile(r"\\\n"), r"\\ "),
)
"""What latex2mathml spells in another way."""


def mathml(latex: str, display: str) -> str:
    """MathML of an equation. Raises ValueError where it holds a command that has no meaning there."""
    for pattern, spelling in SPELLINGS:
        latex = pattern.sub(spelling, latex)
    found = latex2mathml.converter.convert(latex, display=display)
    unknown = re.search(r"<mi>(?:\\|&#x0005C;)(\w*)", found)
    if unknown:
        raise ValueError(f"no command \\{unknown[1]}")
    return found


def _write(writer: Any, node: nodes.Element, latex: str, display: str) -> str:
    try:
        return mathml(latex, display)
    except Exception as error:
        logging.getLogger(__name__).warning(f"cannot be drawn: {latex} ({error})", location=node)
        return f"<code>{html.escape(latex)}</code>"


def inline(writer: Any, node: nodes.Element) -> None:
    """Writes an equation within a sentence."""
    writer.body.append(f'<span class="math">{_write(writer, node, node.astext(), "inline")}</span>')
    raise nodes.SkipNode


def block(writer: Any, node: nodes.Element) -> None:
    """Writes an equation on its own line, with its number, which is its anchor too: `lstm.html#L4*`."""
    latex = node.astext()
    numbers = ", ".join(TAG.findall(latex))
    drawn = _write(writer, node, TAG.sub("", latex).strip(), "block")
    number = f'<span class="number">({html.escape(numbers)})</span>' if numbers else ""
    anchors = "".join(f'<span id="{html.escape(tag)}"></span>' for tag in TAG.findall(latex))
    writer.body.append(f'<div class="math">{anchors}{drawn}{number}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Offers the renderer "mathml"."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
