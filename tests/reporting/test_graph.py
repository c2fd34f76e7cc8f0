"""The pictures' graphs: an edge's adjoint is one reader's share, and the shares add up to the hand-written one."""

from __future__ import annotations

import json
import re
from functools import partial
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput
from lstm_ref.reporting import graph, graph_picture, graph_placement

GRAPHS = Path(__file__).parents[2] / "derivations" / "graphs"
PICTURES = {
    **{name: partial(graph.graph_of_step, cell) for name, cell in CELLS.items() if (GRAPHS / f"{name}.svg").exists()},
    "final_gate": graph.graph_of_final_gate,
    "bptt": lambda: graph.graph_through_time(CELLS["lstm"]),
}


@pytest.fixture(scope="module", params=PICTURES)
def picture(request):
    """Name and graph, which is made once for all that is asked of it."""
    return request.param, PICTURES[request.param]()


def test_every_page_of_a_cell_has_its_picture():
    for page in {cell.page for cell in CELLS.values()}:
        text = (GRAPHS.parent / f"{page}.md").read_text()
        assert any(f"(graphs/{name}.svg)" in text for name, cell in CELLS.items() if cell.page == page), page


def test_the_shares_of_a_values_readers_add_up_to_its_adjoint(picture):
    _, drawn = picture
    for vertex in drawn.vertices:
        shares = [e.adjoint for e in drawn.edges if e.source == vertex.name]
        if shares:
            assert sum(shares) == pytest.approx(vertex.adjoint, rel=1e-12), vertex.name


def test_the_adjoints_drawn_are_those_of_the_hand_written_backward_pass():
    cell, drawn = CELLS["lstm"], graph.graph_of_step(CELLS["lstm"])
    by_name = {v.name: v for v in drawn.vertices}
    value = {n: v.value for n, v in by_name.items()}
    numbers = iter(graph._NUMBERS * 3)
    x = np.array([[next(numbers)]])
    prev, params, bar = (
        type(s)(*(np.array([next(numbers) for _ in range(int(np.prod(f)))]).reshape(f) for f in s))
        for s in (cell.state_shapes(1, 1), cell.parameter_shapes(1, 1), cell.state_shapes(1, 1))
    )
    _, tape = cell.forward(params, prev, x)
    given = cell.backward(params, tape, bar)
    for node in ("i", "f", "g", "o", "c", "u", "h"):
        assert value[node] == pytest.approx(getattr(tape.nodes, node).item(), rel=1e-12)
        assert by_name[node].adjoint == pytest.approx(getattr(given.nodes, node).item(), rel=1e-12)


def test_the_pictures_in_the_repository_are_of_todays_code(picture):
    name, drawn = picture
    svg = (GRAPHS / f"{name}.svg").read_text()
    described = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.S)
    assert described, "the picture carries its data"
    assert json.loads(unescape(described[1])) == json.loads(drawn.to_json())


def test_the_pictures_in_the_repository_are_drawn_by_todays_code(picture):
    name, drawn = picture
    assert (GRAPHS / f"{name}.svg").read_text() == graph_picture.svg(drawn)


def test_a_picture_shows_every_value_above_its_edge_and_every_adjoint_below():
    drawn = graph.graph_of_step(CELLS["lstm"])
    texts = ElementTree.fromstring(graph_picture.svg(drawn)).iter("{http://www.w3.org/2000/svg}text")
    at = {}
    for text in texts:
        at.setdefault("".join(text.itertext()), []).append((float(text.get("x")), float(text.get("y"))))
    plan = graph_placement.place(drawn)
    top = graph_picture._size(plan)[1] - graph_picture._MARGIN
    for edge in drawn.edges:
        line = (top - plan.labels[edge][1]) * graph_picture._POINTS
        above, below = at[graph_picture.number(edge.value)], at[graph_picture.number(edge.adjoint)]
        assert any(0 < line - y < 4 for _, y in above), edge
        assert any(8 < y - line < 12 for _, y in below), edge  # the baseline of 8 points below the line
    for label in ("wx,o", "ht−1", "u"):
        assert label in at


LABELS = {
    r"h_{t-1}": [("h", 0), ("t", -1), ("−1", -1)],
    r"\alpha_{1}^{\,\mathrm{next}}": [("α", 0), ("1", -1), ("next", 1)],
    r"\bar{h}": [("h̄", 0)],
    r"\mathrm{reset}": [("reset", 0)],
    r"f_{\mathrm{ab},g}": [("f", 0), ("ab,", -1), ("g", -1)],
}


@pytest.mark.parametrize("label", LABELS)
def test_a_label_in_tex_is_text_with_indices_below_and_above(label):
    found, y = [], 0.0
    for span in ElementTree.fromstring(f"<text>{graph_picture._mathematics(label)}</text>"):
        y += float(span.get("dy", 0))
        found.append((span.text, 0 if y == 0 else -1 if y > 0 else 1))
        assert ("font-size" in span.attrib) == (y != 0)
    assert found == LABELS[label]


def test_a_picture_is_written_and_is_the_same_every_time(tmp_path):
    for name in ("first.svg", "second.svg"):
        graph_picture.draw(graph.graph_of_step(CELLS["rnn_tanh"]), tmp_path / name)
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    with pytest.raises(BadInput, match=r"must be named \*.svg or \*.png, got x.gif"):
        graph_picture.draw(graph.graph_of_step(CELLS["rnn_tanh"]), tmp_path / "x.gif")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("d.svg", "it is not a file"),
        ("x" * 300 + ".svg", "File name too long"),
        ("no/x.svg", "no: no such folder"),
        ("words.svg", "exists and is not a picture made by lstm_ref"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused(tmp_path, name, says):
    (tmp_path / "d.svg").mkdir()
    (tmp_path / "words.svg").write_text("precious")
    with pytest.raises(BadInput, match=says):
        graph_picture.require_drawable(tmp_path / name)
    assert (tmp_path / "words.svg").read_text() == "precious"


def test_a_disk_that_fills_up_leaves_the_earlier_picture(tmp_path, monkeypatch):
    draw = lambda: graph_picture.draw(graph.graph_of_step(CELLS["rnn_tanh"]), tmp_path / "x.svg")  # noqa: E731
    draw()
    before = (tmp_path / "x.svg").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadInput, match="No space left on device"):
        draw()
    assert (tmp_path / "x.svg").read_bytes() == before
