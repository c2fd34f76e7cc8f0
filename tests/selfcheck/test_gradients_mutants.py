"""The suite tests itself: every mistake that the rules make is found, and the first wrong adjoint is located correctly.

`python -m benchmarks.mutation` runs all mutants, beside other tools. Here every mutant is compared with one precomputed
answer of an oracle, within the floor that a right claim is allowed; a sample of mutants passes through the whole check.
"""

from __future__ import annotations

import ast
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.checking.checker import check
from lstm_ref.checking.verdict.floor import modelled
from lstm_ref.leaves import paths
from lstm_ref.mistakes.source import Edit, Source
from lstm_ref.oracles.reverse import reverse
from lstm_ref.selfcheck import builtin
from lstm_ref.selfcheck.mutants import LAYERS, WAYS, units

PAGES = {cell.page: cell.name for cell in reversed(CELLS.values())}
OTHERS = ("sequence", *(u for u in units() if u.partition("/")[0] in ("layers", "models", "through_time")))
UNITS = [unit for unit in units() if unit in OTHERS or unit.rpartition("/")[2] in PAGES.values()]
"""One cell a page, whose cells have one backward pass."""

WHOLE = {f"{part}/{cell}" for part in ("cells", "between steps") for cell in ("rnn_tanh", "lstm", "gru")}
WHOLE |= {"sequence"} | {unit for unit in units() if unit.startswith("layers/")}
"""Units of which every mutant is tried here; of the others every sixth, and all in the benchmark."""


pytestmark = pytest.mark.filterwarnings("error:Explicitly requested dtype float64")
"""A comparison outside float64 of what was computed in it would cut both to float32, and call a right one found."""


def drawn(problem):
    rng = np.random.default_rng(0)
    outputs = problem.function(jax.tree.map(np.copy, problem.inputs))
    return jax.tree.map(lambda v: 100 * rng.standard_normal(np.shape(v)), outputs)


def is_found(problem, bars, truth):
    try:
        with x64():
            claimed = paths(problem.gradients(problem.inputs, bars))
            claimed = jax.tree.map(np.asarray, claimed)  # a JAX array would be cut to float32 below
    except ValueError:  # it fitted the sizes at which it was made, and these it does not
        return True
    right = {k: v for k, v in truth.items() if k in claimed}
    floor = modelled(problem, right, bars)
    return any(not np.all(np.abs(claimed[k] - right[k]) <= 2 * floor[k]) for k in right)


@pytest.mark.parametrize("unit", UNITS)
def test_every_mutant_is_found(unit):
    truths = {}
    survived = []
    for mutant in units()[unit](1 if unit in WHOLE else 6):
        found = False
        for n, build in enumerate(mutant.problems):
            problem = build(np.random.default_rng(0))
            if (mutant.unit, n) not in truths:  # the wrong backward pass has no part in it
                bars = drawn(problem)
                function = problem.definition or problem.function
                truths[mutant.unit, n] = bars, paths(reverse(function, problem.inputs, bars).gradients)
            found = found or is_found(problem, *truths[mutant.unit, n])
        if not found:
            survived.append((mutant.sentence, mutant.wrong))
    assert not survived


@pytest.mark.parametrize("unit", ["cells/lstm", "between steps/gru", "cells/slstm", "cells/mlstm", "layers/crf"])
def test_the_check_itself_turns_red(unit):
    for mutant in units()[unit](100):
        problems = (build(np.random.default_rng(0)) for build in mutant.problems)
        assert any(not check(problem, oracles=["balls"], digits=20, explain=False).right for problem in problems)


def test_of_mistakes_kept_out_of_the_dictionary_the_first_wrong_node_is_right():
    """Must hold for 90 %. A mistake in what is handed to the step before shows there; one in a parameter's, nowhere."""
    cell = CELLS["lstm"]
    source = Source(cell.backward)
    plain = builtin.adjoints_through_time(cell, np.random.default_rng(0))
    bars = drawn(plain)
    truth = paths(reverse(plain.function, plain.inputs, bars).gradients)
    T, nodes = builtin.T, list(plain.nodes)
    right = total = 0
    for equation in source.equations:
        target = equation.target.split("[")[0].removesuffix("_bar")
        for way in ("1.5 * ({})", "np.tanh({})", "({})[::-1]", "np.abs({}) + 0.1", "np.roll({}, 1, -1)"):
            new = ast.parse(way.format(ast.unparse(equation.value)), mode="eval").body
            edit = Edit("", equation.tag, "", "", "", ((equation.value.number, new),))
            wrong = cell._replace(backward=source.with_edits([edit]))
            problem = builtin.adjoints_through_time(wrong, np.random.default_rng(0))
            claimed = paths(problem.gradients(problem.inputs, bars))
            first = next(
                (
                    (n, t)
                    for t in range(T - 1, -1, -1)
                    for n in reversed(nodes)
                    if np.max(np.abs(claimed[n][t] - truth[n][t])) > 1e-6
                ),
                None,
            )
            expected = (target, T - 1) if target in nodes else None
            if target.startswith("prev_"):
                expected = (target.removeprefix("prev_"), T - 2)
            right += first == expected
            total += 1
    assert total >= 75
    assert right >= 0.9 * total


def unchanged(backward):
    """The right backward pass as another function: what is put in the place of ours, without a mistake."""
    return lambda *arguments, **options: backward(*arguments, **options)


def in_the_mutants_place():
    """(unit, problem) with the right backward pass where each mutant of a way, a layer or a model stands."""
    for name, make in WAYS.items():
        way = make()
        yield from ((f"through_time/{name}", build) for build in way.wronged(unchanged(way.backward)))
    for unit, (module, builders) in LAYERS.items():
        right = SimpleNamespace(forward=module.forward, backward=unchanged(module.backward))
        yield from ((unit, partial(build, layer=right)) for build in builders())


@pytest.mark.parametrize("unit", [*(f"through_time/{name}" for name in WAYS), *LAYERS])
def test_in_a_mutants_place_the_right_backward_is_right(unit):
    """Else a mutant would be found for where it stands, and not for what is wrong with it."""
    for _, build in (pair for pair in in_the_mutants_place() if pair[0] == unit):
        report = check(build(np.random.default_rng(0)), oracles=["balls"], digits=20, explain=False)
        assert report.right
        assert report.digits_in_balls >= 18


@pytest.mark.parametrize("name", ["time/lstm", "time/rnn_relu-lengths", "layer/dense", "time/lstm-truncated"])
def test_by_the_same_measure_a_right_gradient_is_not_found(name):
    problem = builtin.problems()[name](np.random.default_rng(0))
    bars = drawn(problem)
    truth = paths(reverse(problem.definition or problem.function, problem.inputs, bars).gradients)
    assert not is_found(problem, bars, truth)
