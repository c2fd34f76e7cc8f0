"""`lstm-ref cells` lists every cell with its correct number of parameters; `lstm-ref show` prints a cell's own
equations."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
from click.testing import CliRunner

from lstm_ref.cells import CELLS
from lstm_ref.cells.described import equations, parameters, source
from lstm_ref.cli import app
from lstm_ref.errors import BadInput
from lstm_ref.pages.passage import passages
from lstm_ref.reporting.graph import graph_of_step
from lstm_ref.reporting.graph_picture import number

PAGES = Path(__file__).parents[2] / "derivations"


def run(*arguments):
    return CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)


def test_the_list_has_every_cell_with_the_number_of_parameters_that_it_starts_with():
    rows = json.loads(run("cells", "--json", "-D", "3", "-H", "4").stdout)
    assert [row["name"] for row in rows] == list(CELLS)
    for row in rows:
        p = CELLS[row["name"]].initial_parameters(np.random.default_rng(0), 3, 4)
        assert row["number"] == sum(v.size for v in jax.tree.leaves(p)), row
        assert (PAGES.parent / row["page"]).is_file()
        assert row["source"]


def test_the_formula_and_the_table_for_people():
    assert parameters(CELLS["lstm"]) == "4DH + 4H² + 4H"
    assert parameters(CELLS["lstmp"]) == "4DH + 5HP + 4H"
    table = run("cells", "-D", "3", "-H", "4").stdout
    assert "D=3, H=4" in table
    assert all(name in table for name in CELLS)


def test_the_list_has_one_line_a_cell_at_80_columns_and_the_papers_on_demand():
    lines = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["cells"]).stdout.splitlines()
    rows = dict(zip(CELLS, lines[2:], strict=False))
    assert len(lines) == len(CELLS) + 3
    assert max(map(len, lines)) <= 80
    for name, row in rows.items():
        assert row.split()[0] == name
        assert parameters(CELLS[name]) in row
        assert "…" not in row
    assert source(CELLS["lstm"]) in run("cells", "--sources").stdout


@pytest.mark.parametrize("name", CELLS)
def test_every_tag_of_the_page_is_among_the_equations_shown_or_on_a_helper(name):
    forward, backward = equations(CELLS[name])
    assert forward
    assert backward
    page = (PAGES / f"{CELLS[name].page}.md").read_text()
    assert all(rf"\tag{{{e.tag}}}" in page or not e.tag.startswith(forward[0].tag[:-1]) for e in forward + backward)
    assert source(CELLS[name])


def test_an_equation_is_shown_with_its_reason_and_its_code():
    lines = run("show", "L4*").stdout.splitlines()
    assert lines[0] == "The LSTM cell: Backward, from right to left"
    assert lines[2].startswith("**L4.** $c$ has *two readers*")
    assert r"$$\bar c = \bar c^{\,next} + \bar u \odot (1 - u \odot u) \tag{L4*}$$" in lines
    assert lines[-4:-1] == ["assert right(c_bar, truth.c)", "```", ""]
    file, _, line = lines[-1].removeprefix("from ").rpartition(":")
    assert r"\tag{L4*}" in Path(file).read_text().splitlines()[int(line) - 1]


def test_every_equation_of_every_page_is_shown_and_no_cell_has_others():
    on_pages = {tag for page in PAGES.glob("*.md") for tag in re.findall(r"\\tag\{(.*?)\}", page.read_text())}
    assert set(passages()) == on_pages
    for tag, found in passages().items():
        assert found.text.count(rf"\tag{{{tag}}}") == 1
        assert rf"\tag{{{tag}}}" in (PAGES.parent / found.file).read_text().splitlines()[found.line - 1]
    for name in CELLS:
        assert {line.tag for side in equations(CELLS[name]) for line in side} <= on_pages


def test_what_is_no_equation_or_has_no_page_is_said_in_one_line(monkeypatch):
    with pytest.raises(BadInput, match=r"no derivation page has an equation 'L9\*'"):
        run("show", "L9*")
    with pytest.raises(BadInput, match="L4 is an equation, which has no graph"):
        run("show", "L4", "--svg")
    monkeypatch.setattr("lstm_ref.pages.passage.passages", dict)
    with pytest.raises(BadInput, match="the derivation pages are not installed"):
        run("show", "L4")


def test_a_cell_is_shown_with_its_equations_and_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    done = run("show", "lstm", "--out", str(tmp_path / "lstm.png"))
    assert "  L3   c = f * state.c + i * g\n" in done.stdout
    assert "  L4*  c_bar = bar.c + u_bar * (1 - u * u)   (c has two readers: u, and the next step)\n" in done.stdout
    assert (tmp_path / "lstm.png").read_bytes().startswith(b"\x89PNG")
    run("show", "gru", "--out", str(tmp_path / "lstm.png"))  # a picture of ours may be drawn again


def test_without_matplotlib_a_cell_is_shown_with_its_edges_and_as_svg_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    edges = {e.source: e for e in graph_of_step(CELLS["rnn_tanh"]).edges}
    row = next(line.split() for line in run("show", "rnn_tanh").stdout.splitlines() if line.startswith("w_h "))
    assert row == ["w_h", "a", number(edges["w_h"].value), number(edges["w_h"].adjoint)]
    drawn = run("show", "rnn_tanh", "--svg").stdout
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert not any(tmp_path.iterdir())
    run("show", "rnn_tanh", "--out", "rnn.svg")
    assert (tmp_path / "rnn.svg").read_text() == drawn
    with pytest.raises(BadInput, match=r'a PNG needs matplotlib: pip install "lstm_ref\[plots\]", or name the picture'):
        run("show", "rnn_tanh", "--out", "rnn.png")


def test_where_no_picture_can_be_is_said_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("lstm_ref.reporting.graph.graph_of_step", lambda _: pytest.fail("the work was begun"))
    for place in ("lstm.gif", "no/lstm.svg"):
        with pytest.raises(BadInput):
            run("show", "lstm", "--out", str(tmp_path / place))
    assert capsys.readouterr().out == ""


def test_a_file_that_is_no_picture_of_ours_is_left_alone(tmp_path):
    (tmp_path / "mine.svg").write_text("<svg/>")
    with pytest.raises(BadInput, match="not a picture made by lstm_ref"):
        run("show", "lstm", "--out", str(tmp_path / "mine.svg"))
    assert (tmp_path / "mine.svg").read_text() == "<svg/>"
    with pytest.raises(BadInput, match="no such folder"):
        run("show", "lstm", "--out", str(tmp_path / "no" / "lstm.svg"))
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(BadInput, match=r"folder.svg: cannot be written: it is not a file"):
        run("show", "lstm", "--out", str(tmp_path / "folder.svg"))
    with pytest.raises(BadInput, match=r"no cell, picture or equation is called 'lstn'; did you mean lstm\?"):
        run("show", "lstn")
