"""Slips planted in the LaTeX of right pages are found at their line, named, and corrected."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from slips_in_latex import KINDS, slips

from lstm_ref.errors import BadInput
from lstm_ref.written import check_text

PAGES = sorted((Path(__file__).parent / "pages").iterdir())

NOT_JUDGED = [
    ("jacobian_rnn.tex", r"\left(\frac{\partial x_{t+1}}{\partial x_t}\right) \frac{\partial E}{\partial x_{t+1}}"),
]
"""A Jacobian without its transpose: authors differ in which of the two they mean by it."""
ON_EITHER = [("slopes_lstm.md", r"\frac{\partial L}{\partial h_t} \frac{\partial h_{t-1}}{\partial C_t}")]
"""0, as nothing depends on what comes later: the missing term is missing in either line of a sum."""


@functools.cache
def slips_of(page):
    return slips(page.read_text(), page.suffix == ".tex")


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.name)
def planted(request):
    """(page, slip, report) for every slip of a page."""
    page = request.param
    found = [(page, slip) for slip in slips_of(page) if not _is_listed(NOT_JUDGED, page, slip)]
    return [(page, slip, _checked(page, slip.page)) for page, slip in found]


def _is_listed(table, page, slip):
    return any(page.name == name and text in slip.is_now for name, text in table)


@functools.cache
def _checked(page, text):
    """The report; one for all slips of a line, whose correction is the same."""
    try:
        return check_text(text, is_tex=page.suffix == ".tex")
    except BadInput as error:
        return error


def _wrong_lines(report):
    return set() if isinstance(report, BadInput) else {x.line for x in report.lines if x.verdict == "wrong"}


def test_a_planted_slip_is_found_at_its_line_and_nowhere_else(planted):
    once = [(s, r) for page, s, r in planted if not _is_listed(ON_EITHER, page, s)]
    assert [(s.kind, s.line, s.was, s.is_now) for s, r in once if _wrong_lines(r) != {s.line}] == []


def test_what_is_wrong_is_named_with_what_should_stand_there(planted):
    found = [(s, r) for _, s, r in planted if _wrong_lines(r) == {s.line}]
    unnamed = [(s.was, s.is_now) for s, r in found if not all(x.corrected for x in r.lines if x.verdict == "wrong")]
    assert unnamed == []


def test_the_correction_in_the_place_of_the_slip_makes_its_line_right_and_none_wrong(planted):
    """It may spell out a symbol of the page's own, which then no line reads: that symbol's line is unchecked."""
    left = []
    for page, slip, report in planted:
        if _wrong_lines(report) != {slip.line}:
            continue
        corrected = [x.corrected for x in report.lines if x.verdict == "wrong"]
        again = _checked(page, slip.corrected(corrected))
        wrong = _wrong_lines(again)
        if (
            isinstance(again, BadInput)
            or wrong
            or "unchecked" in {x.verdict for x in again.lines if x.line == slip.line}
        ):
            left.append((slip.line, slip.is_now, corrected, again if isinstance(again, BadInput) else wrong))
    assert left == []


def test_there_are_slips_of_every_kind():
    kinds = [slip.kind for page in PAGES for slip in slips_of(page)]
    assert len(kinds) >= 1000
    assert all(kinds.count(kind) >= 20 for kind in KINDS)


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


@pytest.mark.parametrize(
    ("right", "slip", "finding"),
    [
        (r"\bar m_t = \bar s_t \odot r_t", r"\bar m_t = \bar s_t", "the factor r_t is missing"),
        (r"+ \bar m_t U_n^\top", r"- \bar m_t U_n^\top", r"the sign of \bar m_t U_n^\top is wrong"),
    ],
    ids=["not-by-itself", "no-loss-before-the-last-step"],
)
def test_one_slip_is_said_alone(right, slip, finding):
    r"""Not \bar m_t = \bar m_t; and no term for a loss of earlier steps, which no line of the page has."""
    text = (Path(__file__).parent / "pages" / "row_gru.md").read_text()
    assert right in text
    assert [x.finding for x in check_text(text.replace(right, slip)).lines if x.verdict == "wrong"] == [finding]
