"""Slips planted in the LaTeX of right pages are found at their line, named, and corrected."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from slips_in_latex import KINDS, slips

from lstm_ref.errors import BadInput
from lstm_ref.written import check_text

PAGES = sorted((Path(__file__).parent / "pages").iterdir())
OF_EACH_KIND = 22


@pytest.fixture(scope="module")
def planted(kept_truths):
    """(file, slip, report) for a sample of each kind of slip, over all pages."""
    rng = random.Random(0)
    every = [(page, slip) for page in PAGES for slip in slips(page.read_text(), page.suffix == ".tex")]
    chosen = []
    for kind in KINDS:
        of_kind = [(page, slip) for page, slip in every if slip.kind == kind]
        chosen += rng.sample(of_kind, min(OF_EACH_KIND, len(of_kind)))
    return [(page, slip, _checked(page, slip.page)) for page, slip in chosen]


def _checked(page, text):
    try:
        return check_text(text, is_tex=page.suffix == ".tex")
    except BadInput as error:
        return error


def _wrong_lines(report):
    return set() if isinstance(report, BadInput) else {x.line for x in report.lines if x.verdict == "wrong"}


def test_planted_slips_are_found_at_their_line_and_nowhere_else(planted):
    missed = [(p.name, s.kind, s.line, s.was, s.is_now) for p, s, r in planted if _wrong_lines(r) != {s.line}]
    assert len(planted) >= 150
    assert len(missed) <= 0.05 * len(planted), missed


def test_what_is_wrong_is_named_with_what_should_stand_there(planted):
    found = [(p, s, r) for p, s, r in planted if _wrong_lines(r) == {s.line}]
    unnamed = [(p.name, s.was, s.is_now) for p, s, r in found if not any(x.corrected for x in r.lines)]
    assert len(unnamed) <= 0.05 * len(found), unnamed


def test_the_corrected_latex_in_the_place_of_the_wrong_makes_its_line_right_and_none_wrong(planted):
    """It may spell out a symbol of the page's own, which then no line reads: that symbol's line is unchecked."""
    repaired, tried = 0, 0
    for page, slip, report in planted[::6]:
        corrected = [x.corrected for x in report.lines if x.line == slip.line and x.corrected]
        if len(corrected) != 1 or slip.page.count(slip.is_now) != 1:
            continue
        tried += 1
        right = corrected[0].split(" = ", 1)[1]
        text = slip.page.replace(slip.is_now, right)
        again = check_text(text, is_tex=page.suffix == ".tex")
        verdicts = {x.verdict for x in again.lines if x.line == slip.line}
        repaired += verdicts == {"right"} and again.verdict != "wrong"
    assert tried >= 10
    assert repaired == tried


@pytest.mark.parametrize(
    "slip, sentence",
    [
        ((r"\odot (1 - \tanh^2(c_t))", r"\odot (1 - c_t^2)"), r"c_t^2 stands where \tanh^2(c_t) belongs"),
        ((r" + \frac{\partial L}{\partial c_{t+1}} \odot f_{t+1}", ""), r"is missing"),
        ((r"\odot f_{t+1}$$", r"\odot f_t$$"), "f_t stands where f_{t+1} belongs"),
        ((r"\right) h_{t-1}^\top", r"\right) h_t^\top"), "h_t stands where h_{t-1} belongs"),
        (
            (r"\frac{\partial L}{\partial c_t} \odot g_t$$", r"\frac{\partial L}{\partial c_t} \odot i_t$$"),
            "g_t belongs",
        ),
        (
            (r"= \frac{\partial L}{\partial c_t} \odot c_{t-1}", r"= -\frac{\partial L}{\partial c_t} \odot c_{t-1}"),
            "sign",
        ),
        ((r"\odot i_t \odot (1 - i_t)", r"\odot (1 - i_t^2)"), r"belongs"),
        ((r"\right) x_t^\top", r"\right) x_t"), "x_t should be transposed"),
    ],
)
def test_a_slip_has_its_name(slip, sentence):
    text = (Path(__file__).parent / "pages" / "frac_lstm.md").read_text()
    assert slip[0] in text
    report = check_text(text.replace(*slip, 1))
    wrong = [line for line in report.lines if line.verdict == "wrong"]
    assert len(wrong) == 1
    assert sentence in wrong[0].finding


def test_two_slips_in_one_line_are_both_named():
    text = (Path(__file__).parent / "pages" / "frac_lstm.md").read_text()
    text = text.replace(r"\tanh^2(c_t)", "c_t^2").replace(r"\odot f_{t+1}$$", r"\odot f_t$$")
    wrong = [line for line in check_text(text).lines if line.verdict == "wrong"]
    assert len(wrong) == 1
    assert wrong[0].finding == r"c_t^2 stands where \tanh^2(c_t) belongs; f_t stands where f_{t+1} belongs"


def test_a_slip_in_what_an_auxiliary_symbol_is_is_named_at_its_own_line():
    text = (Path(__file__).parent / "pages" / "program_lstm.md").read_text()
    slipped = text.replace(r"\leftarrow \delta C_t \odot f_t", r"\leftarrow \delta C_t \odot i_t")
    wrong = [line for line in check_text(slipped).lines if line.verdict == "wrong"]
    assert [line.source for line in wrong] == [r"\delta C_\text{next} \leftarrow \delta C_t \odot i_t"]
    assert wrong[0].finding == "i_t stands where f_t belongs"


def test_a_page_that_sums_over_time_is_not_excused_as_one_step():
    text = (Path(__file__).parent / "pages" / "indrnn.md").read_text()
    report = check_text(text.replace(r" + u \odot \delta_{t+1}", ""))
    [wrong] = [line for line in report.lines if line.verdict == "wrong"]
    assert wrong.finding == r"the term \delta_{t+1} \odot u is missing"
