"""Reports as JUnit XML, which every CI reads: one suite per report, one case per input, with its digits as
properties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from lstm_ref.checking.report import InputReport, Report
from lstm_ref.reporting import words
from lstm_ref.reporting.terminal import as_text

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot represent."""


def as_junit(reports: Iterable[Report], errors: Mapping[str, str] | None = None) -> str:
    """The reports as XML. `errors` are files that could not be checked, each with the reason: suites of one error."""
    root = Element("testsuites", name="lstm_ref")
    for report in reports:
        _suite(root, report)
    for file, why in (errors or {}).items():
        suite = SubElement(root, "testsuite", name=_clean(file), time="0", tests="1", failures="0", errors="1")
        _fail(_case(suite, file, "gradients"), "undecided", "not checked", [why])
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True).decode("utf-8") + "\n"


def _suite(root: Element, report: Report) -> None:
    kinds = [words.kind(i) for i in report.inputs]
    whole = not report.right and all(k == "right" for k in kinds)  # the reason is not in any single input
    kinds += [words.kind(report)] * whole
    suite = SubElement(root, "testsuite", name=_clean(report.name), time=f"{report.seconds:.3f}")
    suite.attrib |= {
        "tests": str(len(kinds)),
        "failures": str(kinds.count("wrong")),
        "errors": str(kinds.count("undecided")),
    }
    _properties(suite, {"verdict": report.verdict, "facts": words.facts(report), "seed": str(report.seed)})
    diagnosis = [f"{label} {text}" for label, text in words.diagnosis(report)]
    for one in report.inputs:
        case = _case(suite, report.name, f"gradients[{one.name}]")
        _properties(case, _digits(one))
        if not one.right:
            undecided = report.undecided if one.undecided else ()
            _fail(case, words.kind(one), words.verdict(one), [words.worst(one) or "", *undecided, *diagnosis])
    if whole:
        lines = [*report.undecided, *report.notes] if words.kind(report) == "undecided" else report.notes
        _fail(_case(suite, report.name, "gradients"), words.kind(report), report.verdict, [*lines, *diagnosis])
    SubElement(suite, "system-out").text = _clean(as_text(report))


def _case(suite: Element, classname: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name), time="0")


def _properties(parent: Element, values: dict[str, str]) -> None:
    properties = SubElement(parent, "properties")
    for key, value in values.items():
        SubElement(properties, "property", name=key, value=_clean(value))


def _digits(one: InputReport) -> dict[str, str]:
    found = {f"digits {o.oracle}": words.digits(o.digits) for o in one.oracles}
    return found | {"verdict": words.verdict(one), "detection limit": words.limit(one), "truly zero": str(one.zeros)}


def _fail(case: Element, kind: str, message: str, lines: list[str]) -> None:
    """Marks a test as failed: a JUnit failure for a wrong gradient; a JUnit error, also red, for an undecided one."""
    element = SubElement(case, "failure" if kind == "wrong" else "error", message=_clean(message))
    element.text = _clean("\n".join(filter(None, lines)))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
