"""The suite tests itself: every mistake that the rules make is found, and the first wrong adjoint is located correctly.

`python -m benchmarks.mutation` runs all mutants, beside other tools. Here every mutant is compared with one precomputed
answer of an oracle, within the floor that a right claim is allowed; a sample of mutants passes through the whole check.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks import mutation
from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.checking.checker import check
from lstm_ref.checking.verdict.floor import modelled
from lstm_ref.leaves import paths
from lstm_ref.mistakes.source import TAG, Edit, Source
from lstm_ref.oracles.reverse import reverse
from lstm_ref.selfcheck import builtin
from lstm_ref.selfcheck.mutants import LAYERS, WAYS, Mutant, _runs, claim, units

PACKAGE = Path(sequence.__file__).parent
PAGES = {cell.page: cell.name for cell in reversed(CELLS.values())}
OTHERS = ("sequence", *(u for u in units() if u.partition("/")[0] in ("layers", "models", "through_time")))
UNITS = [unit for unit in units() if unit in OTHERS or unit.rpartition("/")[2] in PAGES.values()]
"""One cell a page, whose cells have one backward pass."""

WHOLE = {f"{part}/{cell}" for part in ("cells", "between steps") for cell in ("rnn_tanh", "lstm", "gru")}
WHOLE |= set(OTHERS) - {"through_time/rtrl", "through_time/persistent kernel", "through_time/mlstm_parallel"}
"""Units of which every mutant is tried here; of the others every sixth, and all in the benchmark."""

LEAST = {"cells": 8, "between steps": 9}
"""So many mutants are tried of each unit of a part at least: with no rules there would be none to survive."""
LEAST |= {
    "cells/rnn_tanh": 40,
    "between steps/rnn_tanh": 52,
    "cells/lstm": 383,
    "between steps/lstm": 57,
    "cells/gru": 304,
    "between steps/gru": 52,
    "through_time/initial_state": 2,
    "through_time/pieces": 6,
    "through_time/checkpointed": 6,
    "through_time/scan": 31,
    "through_time/scan step by step": 29,
    "through_time/fast": 3,
    "through_time/fast piece": 38,
    "through_time/fast step": 39,
    "through_time/bidirectional": 49,
    "through_time/rtrl": 62,
    "through_time/linear": 4,
    "through_time/parallel": 47,
    "through_time/persistent": 16,
    "through_time/persistent kernel": 74,
    "through_time/mlstm_parallel": 71,
    "layers/dense": 11,
    "layers/embedding": 4,
    "layers/crf": 141,
    "layers/attention": 90,
    "layers/mean_over_time": 4,
    "layers/max_over_time": 4,
    "layers/attention_over_time": 3,
    "layers/softmax_cross_entropy": 25,
    "layers/binary_cross_entropy": 16,
    "layers/mean_squared_error": 10,
    "models/char_lm": 3,
    "models/classifier": 7,
    "models/tagger": 7,
    "models/spelling": 4,
    "models/hmm": 46,
    "models/translation": 27,
    "sequence": 39,
}
"""And of these units so many: a rule that no longer finds what it is for makes fewer."""

NO_UNIT = {
    ("through_time.checkpointed", "CK1*"): "hands whole records to the piece before, of which no rule makes a mistake",
    ("through_time.data_parallel", "DP1*"): "one device has nothing to add up; eight are asked in tests/through_time",
    ("vanishing", "VA1*"): "hands on whole states; its Jacobians are held against autodiff's",
    ("vanishing", "VA3*"): "is a part of a Jacobian and no gradient; held against autodiff's in tests",
}
"""Tagged lines of a backward pass that no unit edits, and why."""


pytestmark = pytest.mark.filterwarnings("error:Explicitly requested dtype float64")
"""A comparison outside float64 of what was computed in it would cut both to float32, and call a right one found."""


def is_found(claim, answer):
    """What cannot be computed is not found but an error: no mutant is made of it."""
    claimed = paths(claim.given)
    return any(not np.all(np.abs(claimed[k] - v) <= 2 * answer.floor[k]) for k, v in answer.right.items())


class Answer(NamedTuple):
    """What a claim is held against. It depends on the problem alone: a wrong backward pass has no part in it."""

    right: dict
    floor: dict


def answer_to(claim):
    """Of the inputs that the backward pass gives the gradient of."""
    truth = truth_of(claim.problem, claim.bars)
    right = {k: truth[k] for k in paths(claim.given) if k in truth}
    return Answer(right, modelled(claim.problem, right, claim.bars))


def truth_of(problem, bars):
    return paths(reverse(problem.definition or problem.function, problem.inputs, bars).gradients)


@pytest.mark.parametrize("unit", UNITS)
def test_every_mutant_is_found(unit):
    answers, survived, tried = {}, [], 0
    for tried, mutant in enumerate(units()[unit](slice(None, None, 1 if unit in WHOLE else 6)), start=1):  # noqa: B007
        found = False
        for n, build in enumerate(mutant.problems):
            made = claim(build)
            if (mutant.unit, n) not in answers:
                answers[mutant.unit, n] = answer_to(made)
            found = found or is_found(made, answers[mutant.unit, n])
        if not found:
            survived.append((mutant.sentence, mutant.wrong))
    assert not survived
    assert tried >= LEAST.get(unit, LEAST.get(unit.partition("/")[0], 1))


def fails(error):
    def gradients(*_):
        raise error

    return lambda rng: replace(builtin.dense_layer(rng), gradients=gradients)


@pytest.mark.parametrize("error", [ValueError("shapes"), NameError("v"), IndexError("3"), ZeroDivisionError("0")])
def test_what_cannot_be_run_is_no_mutant(error):
    assert _runs(builtin.dense_layer)
    assert not _runs(fails(error))


def test_a_mutant_that_fails_in_the_check_counts_as_crashed_and_not_as_found():
    mutant = Mutant("layers/dense", "", "", "", "", (fails(ValueError("shapes")),))
    assert mutation._judge(mutant, peers=False) == {}
    assert mutation._judge(mutant._replace(problems=(builtin.dense_layer,)), peers=False) == {"lstm_ref": False}


def edited(function):
    """The function, and those of its module that it calls, whose lines the rules edit."""
    function = inspect.unwrap(function)
    yield function
    source = Source(function)
    for name in source.helpers:
        inner = source.cell_called(name)
        yield from edited(inner.backward if inner else function.__globals__[name])


def backward_lines(file):
    """Number and tag of each line that is tagged as one of a backward pass."""
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if found := TAG.search(line):
            yield number, found[1]


def test_every_line_of_a_backward_pass_is_edited_by_a_unit_or_said_why_not():
    ours = [cell.backward for cell in CELLS.values()] + [make().backward for make in WAYS.values()]
    ours += [module.backward for module, _ in LAYERS.values()]
    ours += [sequence.loop_backward, sequence._step_backward, sequence.truncated]
    covered = set()
    for function in {f for one in ours for f in edited(one)}:
        lines, first = inspect.getsourcelines(function)
        covered |= {(function.__module__, first + n) for n in range(len(lines))}
    left = set()
    for part in ("cells/*", "layers/*", "models/*", "through_time/*", "sequence", "clipping", "vanishing", "padding"):
        for file in PACKAGE.glob(f"{part}.py"):
            module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
            left |= {(module, tag) for n, tag in backward_lines(file) if (f"lstm_ref.{module}", n) not in covered}
    assert left == set(NO_UNIT)


@pytest.mark.parametrize("unit", ["cells/lstm", "between steps/gru", "cells/slstm", "cells/mlstm", "layers/crf"])
def test_the_check_itself_turns_red(unit):
    for mutant in units()[unit](slice(None, None, 100)):
        problems = (build(np.random.default_rng(0)) for build in mutant.problems)
        assert any(not check(problem, oracles=["balls"], digits=20, explain=False).right for problem in problems)


def test_of_mistakes_kept_out_of_the_dictionary_the_first_wrong_node_is_right():
    """Must hold for 90 %. A mistake in what is handed to the step before shows there; one in a parameter's, nowhere."""
    cell = CELLS["lstm"]
    source = Source(cell.backward)
    plain = builtin.adjoints_through_time(cell, np.random.default_rng(0))
    _, bars, _ = claim(partial(builtin.adjoints_through_time, cell))
    truth = truth_of(plain, bars)
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


def in_the_mutants_place(unit):
    """The problems of a way, a layer or a model, with the right backward pass where each mutant stands."""
    if unit in LAYERS:
        module, builders = LAYERS[unit]
        right = SimpleNamespace(forward=module.forward, backward=unchanged(module.backward))
        return [partial(build, layer=right) for build in builders()]
    way = WAYS[unit.removeprefix("through_time/")]()
    return way.wronged(unchanged(way.backward))


@pytest.mark.parametrize("unit", [*(f"through_time/{name}" for name in WAYS), *LAYERS])
def test_in_a_mutants_place_the_right_backward_is_right(unit):
    """Else a mutant would be found for where it stands, and not for what is wrong with it."""
    for build in in_the_mutants_place(unit):
        report = check(build(np.random.default_rng(0)), oracles=["balls"], digits=20, explain=False)
        assert report.right
        assert report.digits_in_balls >= 18


@pytest.mark.parametrize(
    "name",
    ["time/lstm", "time/rnn_relu-lengths", "layer/dense", "time/lstm-truncated", "models/char-lm", "models/tagger-crf"],
)
def test_by_the_same_measure_a_right_gradient_is_not_found(name):
    right = claim(builtin.problems()[name])
    assert not is_found(right, answer_to(right))
