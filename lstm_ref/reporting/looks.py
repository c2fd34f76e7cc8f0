"""What a notebook shows of a result, by its type: a report as its findings and table, a cell as its equations and
graph. `lstm_ref.display` calls this."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from markupsafe import Markup

from lstm_ref.cells import Cell
from lstm_ref.cells.described import equations, parameters, source, states
from lstm_ref.checking.report import Report
from lstm_ref.reporting.graph import Diagram, graph_of_step
from lstm_ref.reporting.graph_picture import svg
from lstm_ref.reporting.html import as_fragment
from lstm_ref.reporting.terminal import as_text


def text(report: Report) -> str:
    """The report as plain text, as the terminal shows it."""
    return as_text(report).rstrip("\n")


@singledispatch
def html(value: Any) -> str:
    """The value as a fragment of HTML."""
    raise TypeError(f"nothing is known of how a {type(value).__name__} looks")


@html.register
def _(report: Report) -> str:
    return as_fragment(report)


@html.register
def _(graph: Diagram) -> str:
    return svg(graph)


@html.register
def _(cell: Cell) -> str:
    rows = Markup("")
    for side, lines in zip(("forward", "backward, from right to left"), equations(cell), strict=True):
        rows += _SIDE.format(side) + Markup("").join(_LINE.format(line.tag, line.code) for line in lines)
    head = _HEAD.format(cell.name, parameters(cell), states(cell), source(cell))
    return head + Markup("<table>{}</table>").format(rows) + Markup(svg(graph_of_step(cell)))


_HEAD = Markup("<p><strong>{}</strong>: {} parameters; state {}<br>{}</p>")
_SIDE = Markup('<tr><th colspan="2" style="text-align: left">{}</th></tr>')
_LINE = Markup('<tr><td style="text-align: left">{}</td><td style="text-align: left"><code>{}</code></td></tr>')
