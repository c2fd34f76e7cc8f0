"""Reports as JUnit XML, which every CI reads: a suite a report, a case an input."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from lstm_ref.checking.report import Report
from lstm_ref.reporting import words
from lstm_ref.reporting.terminal import as_text

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def as_junit(reports: Iterable[Report]) -> str:
    """The XML."""
    root = ElementTree.Element("testsuites", name="lstm_ref")
    for report in reports:
        failures = sum(not i.right for i in report.inputs)
        whole = not report.right and not failures  # wrong for a reason that is no input's
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(report.name),
            tests=str(len(report.inputs) + whole),
            failures=str(failures + whole),
            time=f"{report.seconds:.3f}",
        )
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in (("verdict", report.verdict), ("facts", words.facts(report)), ("seed", str(report.seed))):
            ElementTree.SubElement(properties, "property", name=key, value=_clean(value))
        cases = [(f"gradients[{i.name}]", i.right, words.verdict(i)) for i in report.inputs]
        if whole:
            cases.append(("gradients", False, "; ".join(report.notes) or report.verdict))
        for name, right, message in cases:
            case = ElementTree.SubElement(suite, "testcase", classname=_clean(report.name), name=_clean(name), time="0")
            if not right:
                ElementTree.SubElement(case, "failure", message=_clean(message)).text = _clean(as_text(report))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("?", text)
