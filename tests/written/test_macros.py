r"""Commands that a page defines stand for what they are defined as, and no line moves."""

from __future__ import annotations

import re

import pytest

from lstm_ref.errors import BadInput
from lstm_ref.written import check_text
from lstm_ref.written.macros import without_macros

VX = r"\newcommand{\vx}{\mathbf{x}}"


def read(text):
    return " ".join(without_macros(text, is_tex=True).split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (VX + r"\vx_t + \vxx \\vx", r"\mathbf{x}_t + \vxx \\vx"),
        (r"\newcommand\s{\sigma}\s x \tilde\s", r"\sigma x \tilde\sigma"),
        (r"\renewcommand*{\r} [1] {\mathbf{#1}} \r{x}_t \r y \r\alpha", r"\mathbf{x}_t \mathbf{y} \mathbf{\alpha}"),
        (
            r"\def\d#1#2{\frac{\partial #1}{\partial #2}} \d{L}{h_{t}} \d L W",
            r"\frac{\partial L}{\partial h_{t}} \frac{\partial L}{\partial W}",
        ),
        (r"\providecommand{\T}{^\top} \def\D#1{dL/d#1} \D{\D{x}}\T", r"dL/ddL/dx^\top"),
        (r"\newcommand{\s}[1]{\sigma#1} \def\h{h} \s{a} \s{(a)} \tilde\h", r"\sigma a \sigma(a) \tilde h"),
        (r"\DeclareMathOperator*{\sg}{sigm} \sg\left(a\right)", r"\operatorname{sigm}\left(a\right)"),
        (r"\newcommand{\x}{\ensuremath{\y}\xspace} \newcommand{\y}{y} \x_t", r"y_t"),
        (r"\def\x{a} \x \def\x{b} \x", "a b"),
        (r"\def\x{\{a\}} \x_{t}", r"\{a\}_{t}"),
    ],
)
def test_a_command_is_what_it_stands_for(text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    "text",
    [
        r"\newcommand{\x}{\x_t} \x",
        r"\newcommand{\x}{\y} \newcommand{\y}{\x} \x \y",
        r"\newcommand{\x}[2][a]{#1 #2} \x{b}",
        r"\def\x(#1){f_#1} \x(b)",
        r"\newcommand{\x}[1]{\bar{#1} {\x",
        r"\newcommand{\x}[1]{\bar{#1}} {\x}",
        "".join(rf"\def\{a}{{\{b}\{b}}}" for a, b in zip("abcdefghijklmn", "bcdefghijklmno", strict=True))
        + r"\def\o{oo}\a",
    ],
    ids=["of itself", "of each other", "default", "delimiters", "without an end", "without an argument", "endless"],
)
def test_what_is_not_simple_is_left_as_it_is(text):
    assert re.findall(r"\\[xya](?![A-Za-z])[^\\]*$", read(text)) == re.findall(r"\\[xya](?![A-Za-z])[^\\]*$", text)


def test_no_line_moves():
    text = "% \\newcommand{\\vx}{z}\n\\newcommand{\\vx}{%\n  \\mathbf{x}\n}\n\\def\\d#1{#1 #1}\n"
    text += "\\d{\n\\vx\n} = \\d{a}\n\\vx = b"
    lines = without_macros(text, is_tex=True).split("\n")
    assert len(lines) == text.count("\n") + 1
    assert lines[7].strip() == "= a a"
    assert lines[8].split() == [r"\mathbf{x}", "=", "b"]


def test_a_page_without_definitions_is_as_it_was():
    text = "% a\n`b` \\vx"
    assert without_macros(text, is_tex=True) == text == without_macros(text, is_tex=False)
    code = "`\\newcommand{\\vx}{x}`\n```\n\\def\\vx{x}\n```\n$\\vx$"
    assert without_macros(code, is_tex=False) == code


PAGE = r"""\documentclass{article}
\newcommand{\vx}{\mathbf{x}}
\newcommand{\vh}{\mathbf{h}}
\newcommand{\dL}[1]{\frac{\partial\mathcal{L}}{\partial #1}}
\DeclareMathOperator{\sigm}{sigm}
\begin{align}
\vh_t &= \sigm\left(W \vx_t + R \vh_{t-1}\right) \\
\dL{R} &= \sum_{t=1}^{T} (\dL{\vh_t} \odot
    \vh_t \odot (1-\vh_t)) \vh_{t-1}^{\top} \\
\dL{W} &= \sum_{t=1}^{T} (\dL{\vh_t} \odot \vh_t \odot (1-\vh_t)) \vx_t^{\top}
\end{align}
"""


@pytest.mark.parametrize("is_tex", [True, False])
def test_a_page_with_its_own_commands_is_judged(is_tex):
    page = PAGE if is_tex else PAGE.replace("\\newcommand", "$\\newcommand", 1).replace("{sigm}\n", "{sigm}$\n")
    report = check_text(page, is_tex=is_tex)
    assert (report.verdict, [line.line for line in report.lines]) == ("right", [8, 10])
    slipped = check_text(page.replace(r"\vh_{t-1}^{\top}", r"\vh_t^{\top}"), is_tex=is_tex)
    assert [(x.line, x.verdict) for x in slipped.lines] == [(8, "wrong"), (10, "right")]
    assert slipped.lines[0].finding == r"\mathbf{h}_t stands where \mathbf{h}_{t-1} belongs"
    with pytest.raises(BadInput, match=r"line 7, .*\\va is not a command that is known here"):
        check_text(page.replace(r"W \vx_t", r"W \va_t"), is_tex=is_tex)
