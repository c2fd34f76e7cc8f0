"""A worksheet is its page without the answers, and filled in it proves itself as the page does."""

from __future__ import annotations

import ast
import re

import pytest

from lstm_ref.pages.home import folder
from lstm_ref.site import SITE
from lstm_ref.teaching.worksheet import BLANK, pages, worksheet

DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.S)
BLOCK = re.compile(r"```python\n(.*?)```", re.S)


def page(name):
    return (folder() / f"{name}.md").read_text()


def backward(text):
    """The displayed formulas with a backward tag, by tag."""
    return {m[1]: f for f in DISPLAYED.findall(text) if (m := re.search(r"\\tag\{([A-Z]+\d+\*)\}", f))}


@pytest.mark.parametrize("name", pages())
def test_every_backward_equation_is_there_without_its_right_side(name):
    blank, derived = backward(worksheet(name)), backward(page(name))
    assert list(blank) == list(derived)
    for tag, formula in blank.items():
        assert formula.count(BLANK) >= 1, tag
        left = re.sub(r"\\tag\{.*?\}|[\s,]|\\qquad|\\text\{.*?\}", "", formula.replace(BLANK, ""))
        assert not re.search(r"\\odot|\\sum|\\sigma|=[^=]*\\top", left), (tag, left)


@pytest.mark.parametrize("name", pages())
def test_its_code_is_python_and_tells_no_tagged_line(name):
    for block in BLOCK.findall(worksheet(name)):
        ast.parse(block)
        for line in block.splitlines():
            if re.search(r"#.*[A-Z]\d\*", line) and not line.lstrip().startswith(("for ", "with ", "def ")):
                assert "..." in line or ".proves(" in line, line


@pytest.mark.parametrize("name", pages())
def test_the_forward_stays_and_the_mistakes_are_left_out(name):
    text = worksheet(name)
    forward = [f for f in DISPLAYED.findall(page(name)) if re.search(r"\\tag\{[A-Z]+\d+\}", f)]
    kept = [f for f in forward if f not in page(name).partition("## What goes wrong here")[2]]
    assert all(f in text for f in kept)
    assert "## What goes wrong here" not in text


def test_the_lstms_is_as_a_teacher_would_make_it():
    text = worksheet("lstm")
    assert rf"$$\bar c = {BLANK} \tag{{L4*}}$$" in text
    assert "c_bar = ...  # L4*" in text
    assert "a_bar = ...  # L2*\nassert right(a_bar, truth.a)" in text
    assert "u_bar * (1 - u * u)" not in text
    assert r"c = f \odot c_{t-1} + i \odot g \tag{L3}" in text


def filled(answers):
    """The program of the LSTM's worksheet with the page's answers, and some others in their place."""
    derived = [s for b in BLOCK.findall(page("lstm")) for s in ast.parse(b).body]
    by_target = {ast.unparse(s.targets[0]): ast.unparse(s) for s in derived if isinstance(s, ast.Assign)}
    lines = "\n".join(BLOCK.findall(worksheet("lstm"))).splitlines()
    given = [by_target.get(f"({l.partition(' = ')[0]})") or by_target.get(l.partition(" = ")[0]) for l in lines]  # noqa: E741
    program = "\n".join(g if "= ..." in l else l for l, g in zip(lines, given, strict=True))  # noqa: E741
    for right, other in answers.items():
        assert right in program
        program = program.replace(right, other)
    return program.partition("from lstm_ref.arithmetic.balls")[0]


def test_a_filled_worksheet_proves_itself_and_a_wrong_answer_fails():
    exec(filled({}), {})
    with pytest.raises(AssertionError):
        exec(filled({"bar.c + u_bar * (1 - u * u)": "u_bar * (1 - u * u)"}), {})


def test_the_command_prints_it_or_writes_a_new_file(tmp_path):
    from click.testing import CliRunner

    from lstm_ref.cli import app

    assert CliRunner().invoke(app, ["exercise", "gru", "--worksheet"]).stdout == worksheet("gru")
    file = tmp_path / "gru.md"
    CliRunner().invoke(app, ["exercise", "gru", "--worksheet", "--out", str(file)])
    assert file.read_text() == worksheet("gru")


@pytest.mark.parametrize("name", pages())
def test_its_links_lead_somewhere_from_wherever_it_lies(name):
    targets = re.findall(r"\]\(([^()\s]+\.(?:md|svg|html)\S*?)\)", worksheet(name))
    assert all(target.startswith(SITE) and ".md" not in target for target in targets), targets
