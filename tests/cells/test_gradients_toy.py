"""Adding a cell takes one file, one page and one line of registration; everything else includes it automatically."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import an_ordinary_problem, assert_hand_equals_autodiff
from toy import toy

from lstm_ref.cells import CELLS
from lstm_ref.checking.checker import check
from lstm_ref.cli import app
from lstm_ref.selfcheck import builtin
from lstm_ref.selfcheck.mutants import of_cell


@pytest.fixture
def registered(monkeypatch):
    """The one line."""
    monkeypatch.setitem(CELLS, toy.name, toy)


def test_the_toy_cell_is_proven_with_its_nodes_and_through_time(registered):
    found = builtin.problems()
    for name in ("cell/toy", "time/toy-lengths"):
        assert check(found[name](np.random.default_rng(0))).right
    assert_hand_equals_autodiff(an_ordinary_problem(toy, lengths=(6, 3)))


def test_its_mistakes_are_made_and_found(registered):
    made = list(of_cell(toy))
    assert len(made) > 10
    for mutant in made:
        problems = (build(np.random.default_rng(0)) for build in mutant.problems)
        assert any(not check(problem, oracles=["balls"], explain=False).right for problem in problems)


def test_the_commands_know_it(registered, tmp_path):
    rows = json.loads(CliRunner().invoke(app, ["cells", "--json", "-D", "3", "-H", "4"]).stdout)
    assert [(r["parameters"], r["number"]) for r in rows if r["name"] == "toy"] == [("DH + H", 16)]
    shown = CliRunner().invoke(app, ["show", "toy", "--out", str(tmp_path / "toy.svg")]).stdout
    assert "TY2* prev_h_bar, a_bar = (bar.h / 2, bar.h * (1 - n * n))" in shown
