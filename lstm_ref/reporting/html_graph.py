"""The computational graph of a report, marked by error: one step of the known cell, or the named values in a grid."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

from lstm_ref.cells import CELLS
from lstm_ref.checking.report import NodeReport, Report
from lstm_ref.reporting.graph import Diagram, graph_of_step
from lstm_ref.reporting.graph_placement import Placement, place
from lstm_ref.reporting.html_mark import HtmlMark, mark

_X, _Y = 50, 60  # pixels per inch of a layout
_BOX, _LINE, _GAP = 64, 36, 26
_MOST_STEPS = 10
_LONGEST_NAME = 18


class Box(NamedTuple):
    """The position (centre) of a value's box and its mark; the mark is None where no adjoint was given."""

    name: str
    x: float
    y: float
    mark: HtmlMark | None


class Picture(NamedTuple):
    """What the page draws, in pixels."""

    label: str
    note: str
    width: float
    height: float
    box: float
    """Width of every box."""
    boxes: list[Box]
    paths: list[str]
    headings: list[tuple[str, float, float]]


def graph(report: Report) -> Picture | None:
    """The picture; None where no adjoint was given."""
    if not report.nodes:
        return None
    by_name = {n.name.removesuffix("_node"): n for n in report.nodes}
    known = report.conformance
    if known is not None and known.conforms and known.cell in CELLS:
        drawn, plan = _step(known.cell)
        if not by_name.keys().isdisjoint(v.name for v in drawn.vertices):
            return _of_cell(report, by_name, drawn, plan)
    return _of_nodes(report)


@cache
def _step(cell: str) -> tuple[Diagram, Placement]:
    """One step of the cell, without its parameters and without outside vertices."""
    whole = graph_of_step(CELLS[cell])
    kept = {v.name for v in whole.vertices if v.kind in ("input", "node")}
    drawn = Diagram(
        whole.title,
        tuple(v for v in whole.vertices if v.name in kept),
        tuple(e for e in whole.edges if {e.source, e.target} <= kept),
    )
    return drawn, place(drawn)


def _of_cell(report: Report, by_name: dict[str, NodeReport], drawn: Diagram, plan: Placement) -> Picture:
    def at(point: tuple[float, float]) -> tuple[float, float]:
        return float(point[0]) * _X + 10, float(plan.height - point[1]) * _Y

    boxes = []
    for vertex in drawn.vertices:
        node = by_name.get(vertex.name) or by_name.get(vertex.name.split("_")[0] if vertex.kind == "node" else "")
        boxes.append(Box(vertex.name, *at(plan.vertices[vertex.name]), None if node is None else _worst(report, node)))
    paths = []
    for edge in drawn.edges:
        (x, y), *bends, (end_x, end_y) = map(
            at, (plan.vertices[edge.source], *plan.bends[edge], plan.vertices[edge.target])
        )
        points = [(x + _BOX / 2, y), *bends, (end_x - _BOX / 2 - 5, end_y)]
        paths.append("M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in points))
    known = report.conformance.cell if report.conformance else ""
    note = f"One step of {known}, parameters left out; each value with the worst error of its adjoint at any step."
    return Picture(_label(boxes), note, plan.width * _X + 20, plan.height * _Y, _BOX, boxes, paths, [])


def _worst(report: Report, node: NodeReport) -> HtmlMark:
    return mark(report, node.name, max(node.errors, default=0.0), any(node.wrong))


def _of_nodes(report: Report) -> Picture:
    steps = _shown_steps(report)
    width = max(_BOX, 7.5 * max(len(_short(n.name)) for n in report.nodes) + 12)
    rows = {n.name: 46 + k * (_LINE + _GAP) for k, n in enumerate(report.nodes)}
    columns = {t: 10 + width / 2 + k * (width + 2 * _GAP) for k, t in enumerate(steps)}
    boxes = [
        Box(n.name, columns[t], rows[n.name], mark(report, n.name, n.errors[t], n.wrong[t], t))
        for t in steps
        for n in report.nodes
        if t < len(n.errors)
    ]
    paths, (top, bottom) = [], (min(rows.values()), max(rows.values()))
    for x in columns.values():
        paths += [f"M{x:.1f},{a + _LINE / 2} L{x:.1f},{b - _LINE / 2 - 5}" for a, b in pairwise(rows.values())]
    for before, after in pairwise(reversed(steps) if _runs_backwards(report) else steps):
        side = width / 2 if after > before else -width / 2
        start, end = columns[before] + side, columns[after] - side - (5 if after > before else -5)
        middle = (start + end) / 2
        paths.append(f"M{start:.1f},{bottom} C{middle:.1f},{bottom} {middle:.1f},{top} {end:.1f},{top}")
    count = max(len(n.errors) for n in report.nodes)
    note = "Named values in forward order, step after step; the arrows follow that order, not the equations."
    if len(steps) < count:
        note += f" Steps {steps[0]} to {steps[-1]} of 0..{count - 1}."
    headings = [(f"t = {t}", x, 18.0) for t, x in columns.items()]
    size = (columns[steps[-1]] if steps else 0) + width / 2 + 10, bottom + _LINE / 2 + 10
    return Picture(_label(boxes), note, *size, width, [b._replace(name=_short(b.name)) for b in boxes], paths, headings)


def _shown_steps(report: Report) -> list[int]:
    """All steps, or those around the first wrong one."""
    count = max(len(n.errors) for n in report.nodes)
    middle = count if report.first_wrong is None else report.first_wrong.step + 3
    start = max(0, min(middle, count) - _MOST_STEPS)
    return list(range(start, min(start + _MOST_STEPS, count)))


def _runs_backwards(report: Report) -> bool:
    """Whether time runs from the last step to the first. Inherited errors are then at later steps."""
    first = report.first_wrong
    if first is None:
        return False
    return any(wrong for n in report.nodes for wrong in n.wrong[first.step + 1 :])


def _label(boxes: list[Box]) -> str:
    wrong = [b.mark.title for b in boxes if b.mark is not None and "shade" in b.mark.classes]
    return "computational graph; " + ("; ".join(wrong[:20]) or "every adjoint given is right")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
