"""Cells that this package lacks, written as their papers' authors might: right as they stand, and wrong with every slip
in their backward. Also small wrong files of the kinds seen in published backward passes."""

from __future__ import annotations

import re
import tokenize
from functools import cache
from pathlib import Path

import pytest
from slips import AT_MOST, CELLS, SLIPS, Slip, backward_lines, change, generated, statements

from lstm_ref import cells
from lstm_ref.checking import Report, check
from lstm_ref.checking.files.derivation_file import load
from lstm_ref.errors import BadInput

PUBLISHED = {file.stem: file for file in sorted((Path(__file__).parent / "published").glob("*.py"))}
RIGHT_BUT_ROUNDED = "float32_buffers"


def judged(file: Path, oracles: tuple[str, ...] | None = None) -> Report:
    (problem,) = load(str(file))
    stateless = "import jax" in file.read_text()  # tracing shows whether it is, and not jitting halves the time
    return check(problem, oracles=oracles, explain=False, stateless=stateless)


def judged_by_one(file: Path) -> Report:
    """By the complex step, where the code takes complex numbers: what is wrong needs no second judge."""
    try:
        return judged(file, ("complex",))
    except BadInput:
        return judged(file, ("differences",))


@cache
def code_lines(file: Path) -> list[str]:
    """The file's lines without what stands around them and without their comments."""
    with tokenize.open(file) as source:
        comments = {t.start for t in tokenize.generate_tokens(source.readline) if t.type == tokenize.COMMENT}
    cut = dict(comments)
    lines = file.read_text().splitlines()
    return [line[: cut.get(n, len(line))].strip() for n, line in enumerate(lines, 1)]


def test_the_cells_are_not_the_packages_own():
    assert len(CELLS) >= 10
    assert not set(CELLS) & set(cells.CELLS)
    assert sum("import jax" in file.read_text() for file in CELLS.values()) == 3


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_right(cell):
    report = judged(CELLS[cell])
    assert report.verdict == "exact gradient"
    assert not report.unchecked


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{n}-{s.cell}-{s.edit}" for n, s in enumerate(SLIPS)])
def test_a_slip_is_wrong(slip, tmp_path):
    assert change(slip) > 1e-6
    file = tmp_path / f"{slip.cell}.py"
    file.write_text(slip.text)
    assert judged_by_one(file).verdict == "wrong"


@pytest.mark.parametrize("cell", CELLS)
def test_a_generated_slip_is_another_gradient(cell):
    """Than the one that `test_a_cell_is_right` proves: it is wrong, with no need to ask the oracles again."""
    slips = generated(cell)
    assert 12 <= len(slips) <= AT_MOST
    assert len({slip.new for slip in slips}) == len(slips)
    assert len({slip.edit for slip in slips}) >= 6
    assert min(change(slip) for slip in slips) > 1e-6


@pytest.mark.parametrize("cell", CELLS)
def test_a_slip_names_lines_of_the_forward(cell):
    planted = [slip for slip in SLIPS if slip.cell == cell]
    assert len(planted) >= 3
    for slip in (*planted, *generated(cell)):
        assert slip.lines
        for line in slip.lines:
            assert line in statements(cell).values()
            assert code_lines(CELLS[cell]).count(line) == 1, line


@pytest.mark.parametrize("cell", CELLS)
def test_a_line_of_the_backward_is_of_edges_of_the_forward(cell):
    lines, of = backward_lines(cell), statements(cell)
    used = {key for line in lines for keys in line.keys for key in keys}
    assert used == set(of), "a key without a statement, or a statement that nothing goes back through"
    assert len(lines) == len(re.findall("# <-", CELLS[cell].read_text()))


def test_a_slip_that_changes_nothing_is_no_slip():
    same = Slip("star", 'g["c"] += dout  # <-', 'g["c"] += 1 * dout  # <-', (), "none")
    assert change(same) == 0


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_published_kind_is_wrong(kind):
    report = judged_by_one(PUBLISHED[kind])
    assert report.verdict == ("exact gradient" if kind == RIGHT_BUT_ROUNDED else "wrong")


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_published_kind_says_which_edge_is_wrong_and_how(kind):
    source = PUBLISHED[kind].read_text()
    edges, edits = re.findall("^# edge: (.*)", source, re.M), re.findall("^# edit: (.*)", source, re.M)
    assert edges
    assert len(edits) == 1
    for edge in edges:
        assert code_lines(PUBLISHED[kind]).count(edge) == 1, edge


def test_every_published_kind_is_there():
    assert len(PUBLISHED) == 28
