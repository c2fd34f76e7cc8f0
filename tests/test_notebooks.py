"""The notebooks run, show what they promise, and are stored without results."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
SHOWS = {
    "researcher": (
        "✗ wrong",
        "my RNN: wrong",
        "✓ exact gradient",
        "<svg",
        "widget-view+json",
        "<Curve of my RNN: 40 steps",
    ),
    "ci": ("derivation_square.py", "exact gradient", "passed", "WRONG: 2 of 2", "derivation_square: wrong"),
    "teacher": ("def backward(p, tape, bar)", "the first wrong one is x_bar", "x_bar is doubled", "c_bar = ...  # L4*"),
}


def test_every_notebook_is_run():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SHOWS)


@pytest.mark.parametrize("name", SHOWS)
def test_a_notebook_is_stored_small_and_without_results(name):
    text = (FOLDER / f"{name}.ipynb").read_text()
    notebook = json.loads(text)
    assert len(text) < 10_000
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        assert cell["metadata"] == {}


@pytest.mark.parametrize("name", SHOWS)
def test_a_notebook_runs_and_shows_what_it_promises(name, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason='notebooks need nbclient: pip install "lstm_ref[notebooks]"')
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason='notebooks need ipykernel: pip install "lstm_ref[notebooks]"')
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER.parents[1]), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error"]
    text = json.dumps(shown, ensure_ascii=False)
    for promised in SHOWS[name]:
        assert json.dumps(promised, ensure_ascii=False)[1:-1] in text, promised
