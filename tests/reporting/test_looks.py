"""What a prompt and a notebook show of a report, a cell, a graph and a curve."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import pytest

from lstm_ref import check_gradients, display
from lstm_ref.cells import CELLS
from lstm_ref.cells.described import equations
from lstm_ref.errors import BadInput
from lstm_ref.reporting.graph import graph_of_step
from lstm_ref.reporting.graph_picture import svg
from lstm_ref.reporting.terminal import as_text
from lstm_ref.training import curve


def words_of(html):
    """The visible text of a fragment."""
    found = []

    class Words(HTMLParser):
        def handle_data(self, data):
            found.append(data)

    Words().feed(html)
    return " ".join(" ".join(found).split())


def test_a_report_is_the_terminals_text_and_its_repr_is_one_short_line(right, wrong, undecided):
    for report in (right, wrong, undecided):
        assert f"{report!s}\n" == as_text(report)
        assert repr(report) == f"<Report of cubes: {report.verdict}, 7 elements>"


def test_a_name_cannot_break_the_line_of_a_repr(hostile):
    assert "\n" not in repr(hostile)
    report = check_gradients({"w": 1.0 + right_input()}, loss=total, gradients=ones, name="a\x1b[2J\nb")
    assert repr(report) == r"<Report of a\x1b[2J\nb: exact gradient, 2 elements>"


def right_input():
    import numpy as np

    return np.zeros(2)


def total(inputs):
    return inputs["w"].sum()


def ones(inputs):
    return {"w": 0 * inputs["w"] + 1}


def test_a_notebook_shows_what_the_terminal_says(wrong):
    shown = words_of(wrong._repr_html_())
    for sentence in (
        "cubes : ✗ wrong",
        "The mistake: the term next_c_bar is missing from c_bar.",
        "First wrong adjoint on the way back: the adjoint of c at step 2 of 0..3",
        "Conformance: the forward is lstm, to all digits.",
        "✗ WRONG: 5 of 6",
        "worst at w[1, 0]: claimed 8.00, expected 24.0 (balls)",
        "Not decided here: whether the mask is handled: every length is T.",
        "Unchecked: x (no gradient is claimed).",
    ):
        assert sentence in shown
    assert "<math" in wrong._repr_html_()
    assert "see: lstm-ref show 'L4*'" in shown
    assert f'href="{wrong.findings[0].url}">L4*</a>' in wrong._repr_html_()


def test_a_notebook_gets_no_style_of_its_own_and_no_markup_of_a_user(hostile, wrong):
    for html in (wrong._repr_html_(), hostile._repr_html_()):
        assert "<style" not in html
        assert "<script" not in html
        assert "<img" not in html
    assert "<script>alert(1)</script>[/b]" in words_of(hostile._repr_html_())


def test_a_cell_shows_its_equations_and_its_graph():
    cell = CELLS["lstm"]
    assert repr(cell) == "<Cell lstm>"
    html = cell._repr_html_()
    assert svg(graph_of_step(cell)) in html
    shown = words_of(html)
    assert all(f"{line.tag} {line.code}" in shown for side in equations(cell) for line in side)


def test_a_graph_shows_its_picture():
    graph = graph_of_step(CELLS["rnn_tanh"])
    assert graph._repr_html_() == svg(graph)
    assert repr(graph) == "<Diagram 'rnn_tanh: one step, B = D = H = 1': 8 vertices, 7 edges>"


def test_of_other_things_nothing_is_known():
    with pytest.raises(TypeError, match="nothing is known of how a dict looks"):
        display.html({})


@pytest.fixture
def trained(tmp_path):
    """The curve of four steps, as `lstm-ref train --curve` writes it."""
    file = tmp_path / "run.jsonl"
    with curve.curve(file) as (_, note):
        for step, loss in enumerate((4.0, 3.0, 2.0, 1.5), start=1):
            note(step=step, loss=loss)
        note(step=4, held_out={"loss": 1.75})
    return file


def test_a_curve_shows_its_lines(trained):
    pytest.importorskip("matplotlib")
    read = curve.read(trained)
    assert repr(read) == "<Curve of run: 4 steps, the last loss 1.5>"
    picture = read._repr_html_()
    assert picture.startswith("<svg")
    assert re.search(r'"batch": 1.5, "mean of 1": 1.5, "held out": 1.75', picture)


def test_a_curve_without_matplotlib_or_without_steps_is_its_text(trained, monkeypatch):
    assert curve.Curve("empty", ())._repr_html_() is None
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert curve.read(trained)._repr_html_() is None


def test_a_curve_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(BadInput, match=r"none.jsonl: cannot be read: No such file"):
        curve.read(tmp_path / "none.jsonl")


def test_in_a_notebook_the_text_is_text(wrong, monkeypatch):
    """There rich shows what it prints, whatever file it is given: the text, and the message of a test, were empty."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(wrong).startswith("cubes: wrong")


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_a_notebooks_colours_can_be_read_on_white_and_on_black(wrong, right, page):
    """WCAG's ratio of luminances: 4.5 is asked of small text, 3 of bold text beside a sign."""
    shown = wrong._repr_html_() + right._repr_html_()
    colours = set(re.findall(r"color: (#[0-9a-f]{6})", shown))
    assert len(colours) == 2
    for colour in colours:
        darker, lighter = sorted((luminance(colour), luminance(page)))
        assert (lighter + 0.05) / (darker + 0.05) >= 4


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
