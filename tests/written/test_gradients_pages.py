"""Right pages, in many notations, are right; no line of the derivation pages is called wrong."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from lstm_ref.errors import BadInput
from lstm_ref.written import check_file

PAGES = sorted((Path(__file__).parent / "pages").iterdir())
DERIVATIONS = sorted((Path(__file__).parents[2] / "derivations").glob("*.md"))
WHOLE = ("lstm", "gru", "peephole", "full_gate_recurrence")
"""Derivation pages that give every equation."""
TRUNCATED = "original"
"""The page of 1997, whose gradient is truncated: h̄_{t-1} = 0, which is not the gradient over all paths."""


@pytest.fixture(scope="module")
def reports():
    return {page.name: check_file(page) for page in PAGES}


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_line_of_a_right_page_is_right(reports, name):
    report = reports[name]
    assert report.verdict == "right", [(line.source, line.finding) for line in report.lines if line.verdict != "right"]
    assert len(report.lines) >= 3
    assert min(line.digits for line in report.lines) >= 30


def test_there_are_enough_pages_and_notations(reports):
    assert len(reports) >= 25
    texts = [page.read_text() for page in PAGES]
    for notation in (
        r"\frac{\partial L}",
        r"\nabla_",
        r"\delta ",
        r"\bar ",
        "dc_t",
        r"\partial^+",
        r"\otimes",
        "^{(t)}",
    ):
        assert any(notation in text for text in texts), notation


def test_a_page_takes_less_than_two_seconds(reports):
    assert statistics.median(report.seconds for report in reports.values()) < 2


@pytest.mark.parametrize("name", WHOLE)
def test_our_own_derivations_are_right_as_they_are_written(name):
    report = check_file(next(page for page in DERIVATIONS if page.stem == name))
    assert report.verdict == "right"
    assert all(line.tag for line in report.lines if "kept" not in line.source)
    assert min(line.digits for line in report.lines) >= 30


def test_no_line_of_the_derivation_pages_is_called_wrong():
    judged = 0
    for page in DERIVATIONS:
        try:
            report = check_file(page)
        except BadInput:  # no recurrent step is written there
            continue
        judged += sum(line.verdict == "right" for line in report.lines)
        wrong = [line.source for line in report.lines if line.verdict == "wrong"]
        assert wrong == ([r"\bar h_{t-1} = 0"] if page.stem == TRUNCATED else []), page.name
    assert judged > 150


FORWARD = r"$$h_t = \tanh(W x_t + U h_{t-1} + b)$$"
DELTA = r"$$\delta a_t = \frac{\partial L}{\partial h_t} \odot (1 - h_t^2)$$"
OF_W = r"$$\frac{\partial L}{\partial W} = \sum_t \delta a_t x_t^\top$$"


@pytest.mark.parametrize("slip", ["", "h_t^2"], ids=["right", "slip"])
def test_a_symbol_that_its_own_line_says_proves_nothing_by_itself(tmp_path, slip):
    """It is held to the forward pass by the line about W that reads it; without that line, a slip in it is unseen."""
    delta = DELTA.replace("h_t^2", "h_t") if slip else DELTA
    for name, lines in {"alone": [delta], "read": [delta, OF_W]}.items():
        (tmp_path / f"{name}.md").write_text("\n\n".join([FORWARD, *lines]))
    alone, read = (check_file(tmp_path / f"{name}.md") for name in ("alone", "read"))
    assert alone.verdict == "undecided"
    assert "nothing holds it to the forward pass" in alone.lines[0].finding
    assert read.verdict == ("wrong" if slip else "right")
