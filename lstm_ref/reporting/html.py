"""Reports as one HTML page that needs nothing else: no network, no script. Whatever comes from a user is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jinja2
import latex2mathml.converter
from markupsafe import Markup

from lstm_ref.cells import CELLS
from lstm_ref.checking.report import Finding, InputReport, NodeReport, Report
from lstm_ref.reporting import words
from lstm_ref.reporting.graph import graph_of_step
from lstm_ref.reporting.graph_layout import layout

GREY = "#e4e7eb"
# From pale to dark, told apart without colour too: ColorBrewer's 5-class OrRd, safe for the colour-blind.
SHADES = ("#fef0d9", "#fdcc8a", "#fc8d59", "#e34a33", "#d7301f")
INCH = 72


def as_html(reports: Iterable[Report]) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lstm_ref.reporting", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    pages = [_page(report) for report in reports]
    return environment.get_template("report.html.jinja").render(
        reports=pages, right=all(p["report"].right for p in pages)
    )


def _page(report: Report) -> dict[str, Any]:
    oracles = list(dict.fromkeys(o.oracle for i in report.inputs for o in i.oracles))
    return {
        "report": report,
        "facts": words.facts(report),
        "findings": [_finding(f) for f in report.findings],
        "first_wrong": words.first_wrong(report),
        "oracles": oracles,
        "rows": [_row(one, oracles) for one in report.inputs],
        "worst": [line for one in report.inputs if (line := words.worst(one))],
        "steps": list(range(max((len(n.errors) for n in report.nodes), default=0))),
        "heat": [_heat(node, report) for node in report.nodes],
        "graph": _graph(report),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "title": words.title(finding),
        "sentence": finding.sentence,
        "where": words.where(finding),
        "right": _mathml(finding.right),
        "wrong": _mathml(finding.wrong),
    }


def _mathml(latex: str | None) -> Markup | None:
    """The equations come from our own pages' letters, so MathML of them holds nothing of the user's."""
    return None if latex is None else Markup(latex2mathml.converter.convert(latex))


def _row(one: InputReport, oracles: list[str]) -> dict[str, Any]:
    by_name = {o.oracle: o for o in one.oracles}
    return {
        "name": one.name,
        "shape": "×".join(map(str, one.shape)) or "scalar",
        "digits": [words.digits(by_name[n].digits) if n in by_name else "" for n in oracles],
        "limit": words.limit(one),
        "right": one.right,
        "verdict": words.verdict(one),
    }


def _shade(error: float) -> str:
    """By the error's power of ten: white paper for rounding, darkest from a tenth on."""
    if not math.isfinite(error):
        return SHADES[-1]
    if error <= 0:
        return SHADES[0]
    return SHADES[min(max(int(math.log10(error) / 3) + 4, 0), 4)] if error < 0.1 else SHADES[-1]


def _heat(node: NodeReport, report: Report) -> dict[str, Any]:
    first = report.first_wrong
    cells = []
    for t, (error, bad) in enumerate(zip(node.errors, node.wrong, strict=True)):
        is_first = first is not None and (first.node, first.step) == (node.name, t)
        power = "0" if error == 0 else f"{math.log10(error):.0f}" if math.isfinite(error) and error > 0 else "∞"
        mark = "✗ " if is_first else "• " if bad else ""
        cells.append(
            {
                "classes": " ".join(["bad"] * bad + ["first"] * is_first),
                "colour": _shade(error) if bad else GREY,
                "title": f"adjoint of {node.name} at step {t}: relative error {error:.2g}, "
                + ("first wrong" if is_first else "inherited" if bad else "right"),
                "text": mark + power,
            }
        )
    return {"name": node.name, "cells": cells}


def _graph(report: Report) -> dict[str, Any] | None:
    """One step of the known cell, or the named values in a row, each with the worst error of its adjoint."""
    if not report.nodes:
        return None
    worst = {n.name.removesuffix("_node"): (max(n.errors, default=0.0), any(n.wrong)) for n in report.nodes}
    if report.conformance is not None and report.conformance.cell in CELLS:
        graph = graph_of_step(CELLS[report.conformance.cell])
        plan = layout(graph)
        places = {v.name: plan.vertices[v.name] for v in graph.vertices if v.kind != "outside"}
        lines = [
            [plan.vertices[e.source], *plan.bends[e], plan.vertices[e.target]]
            for e in graph.edges
            if e.target in places
        ]
        width, height = plan.width, plan.height
    else:
        places = {n: (0.6 + 1.0 * k, 0.4) for k, n in enumerate(worst)}
        lines = [[(0.6, 0.4), (0.6 + 1.0 * (len(worst) - 1), 0.4)]]
        width, height = 0.2 + 1.0 * len(worst), 0.8
    vertices: list[dict[str, Any]] = []
    for name, (x, y) in places.items():
        error, bad = worst.get(name, worst.get(name.split("_")[0] if name.startswith("a_") else "", (None, False)))
        vertices.append(
            {
                "name": name,
                "x": round(x * INCH, 1),
                "y": round((height - y) * INCH, 1),
                "bad": bad,
                "colour": GREY if error is None else _shade(error) if bad else "#ffffff",
                "title": f"{name}: " + ("no adjoint given" if error is None else f"relative error {error:.2g}"),
            }
        )
    return {
        "label": "computational graph: " + ", ".join(v["title"] for v in vertices if v["bad"]),
        "width": round((width + 0.4) * INCH),
        "height": round(height * INCH),
        "vertices": vertices,
        "lines": [" ".join(f"{x * INCH:.1f},{(height - y) * INCH:.1f}" for x, y in line) for line in lines],
    }
