"""Reports as one self-contained HTML page, or one report as a fragment for a notebook: no network, no script.

Everything that comes from a user is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

import jinja2
import latex2mathml.converter
from markupsafe import Markup

from lstm_ref.checking.report import Finding, InputReport, Report
from lstm_ref.reporting import words
from lstm_ref.reporting.html_graph import graph
from lstm_ref.reporting.html_mark import LEGEND, mark

_MATHML_ATTRIBUTES = {"accent", "display", "displaystyle", "fence", "mathvariant", "stretchy", "width", "xmlns"}


def as_html(reports: Iterable[Report], errors: Mapping[str, str] | None = None) -> str:
    """The page. `errors` are files that could not be checked, each with the reason."""
    pages = [_page(report) for report in reports]
    kind = words.worst_kind(p["report"] for p in pages)
    if errors and kind == "right":
        kind = "undecided"
    return _template("report.html.jinja").render(pages=pages, kind=kind, legend=LEGEND, errors=errors or {})


def as_fragment(report: Report) -> str:
    """One report for a notebook: verdict, findings, table, notes. It sets no style outside itself."""
    return _template("fragment.html.jinja").render(page=_page(report))


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lstm_ref.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"sentence": _sentence, "digits": words.digits}
    return environment.get_template(name)


def _page(report: Report) -> dict[str, Any]:
    oracles = list(dict.fromkeys(o.oracle for i in report.inputs for o in i.oracles))
    return {
        "report": report,
        "kind": words.kind(report),
        "facts": words.facts(report),
        "findings": [_finding(f) for f in report.findings],
        "first_wrong": words.first_wrong(report),
        "oracles": [
            (name, any(o.oracle == name and o.decides for i in report.inputs for o in i.oracles)) for name in oracles
        ],
        "rows": [_row(one, oracles) for one in report.inputs],
        "worst": [line for one in report.inputs if (line := words.worst(one))],
        "zeros": words.zeros(report),
        "skipped": words.skipped(report),
        "steps": max((len(n.errors) for n in report.nodes), default=0),
        "heat": [
            (
                n.name,
                [mark(report, n.name, e, bad, t) for t, (e, bad) in enumerate(zip(n.errors, n.wrong, strict=True))],
            )
            for n in report.nodes
        ],
        "graph": graph(report),
    }


def _row(one: InputReport, oracles: list[str]) -> dict[str, Any]:
    by_name = {o.oracle: o for o in one.oracles}
    return {
        "name": one.name,
        "shape": words.shape(one),
        "oracles": [by_name.get(n) for n in oracles],
        "limit": words.limit(one),
        "kind": words.kind(one),
        "verdict": words.verdict(one),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "title": words.title(finding),
        "sentence": finding.sentence,
        "where": words.where(finding),
        "url": finding.url,
        "lines": [
            *(
                (label, _mathml(latex), latex)
                for label, latex in (("derived", finding.right), ("found", finding.wrong))
                if latex is not None
            ),
            *([("see", None, finding.see)] if finding.see else []),
        ],
    }


def _mathml(latex: str) -> Markup | None:
    """MathML of an equation; None where the conversion fails. Only letters are converted: markup in a name stays
    text."""
    try:
        root = latex2mathml.converter.convert_to_element(latex)
    except Exception:  # whatever the problem is, the page then shows the equation's source
        return None
    for element in root.iter():
        # The converter writes symbols as entities. Here they become characters, which may then be escaped.
        element.text = html.unescape(element.text or "")
        for name in element.attrib.keys() - _MATHML_ATTRIBUTES:
            del element.attrib[name]
    root.set("alttext", latex)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
