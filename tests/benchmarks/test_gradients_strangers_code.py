"""Problems that imitate other authors' code: right according to differences independent of the check, or with a
mistake."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import false_alarms
from benchmarks.strangers_code import STYLES, draw, planted
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.checking.claim.evaluate import cotangents_of
from lstm_ref.leaves import paths


def claimed(problem, bars):
    inputs = jax.tree.map(np.array, problem.inputs)
    problem.function(inputs)
    return {k: np.array(v, float) for k, v in paths(problem.gradients(inputs, bars)).items()}


def error(problem, bars, step):
    """The largest error of a few elements, relative to the largest of their array, by central differences."""

    def value(path, where, by):
        inputs = jax.tree.map(np.array, problem.inputs)
        paths(inputs)[path][where] += by
        outputs = jax.tree.leaves(problem.function(inputs))
        return sum((np.asarray(y, float) * b).sum() for y, b in zip(outputs, jax.tree.leaves(bars), strict=True))

    worst = 0.0
    for path, gradient in claimed(problem, bars).items():
        for where in list(np.ndindex(gradient.shape))[:5]:
            slope = (value(path, where, step) - value(path, where, -step)) / (2 * step)
            worst = max(worst, abs(slope - gradient[where]) / (np.abs(gradient).max() + 1e-9))
    return worst


@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws_right_problems_and_plants_mistakes_of_the_size_that_it_says(style):
    if STYLES[style].needs:
        pytest.importorskip(STYLES[style].needs)
    single = STYLES[style].least > 1e-3
    for seed in range(2):
        _, problem = draw(seed, style)
        with x64():
            bars = cotangents_of(problem, seed)
            assert error(problem, bars, 1e-2 if single else 1e-6) < (5e-2 if single else 1e-4)
            mistaken = planted(draw(seed, style)[1], style, seed)
            if mistaken is None:
                continue
            right, wrong = claimed(problem, bars), claimed(mistaken[0], bars)
        (name,) = (k for k in right if not np.array_equal(right[k], wrong[k]))
        assert f"planted in {name}," in mistaken[1]
        size = np.abs(wrong[name] - right[name]).max() / np.abs(right[name]).max()
        assert STYLES[style].least * 0.9 <= size <= 1.01


def test_the_same_seed_draws_the_same():
    (style, a), (again, b) = draw(7), draw(7)
    assert style == again
    for x, y in zip(jax.tree.leaves(a.inputs), jax.tree.leaves(b.inputs), strict=True):
        np.testing.assert_array_equal(x, y)
    assert len({draw(seed)[0] for seed in range(40)}) > 10


def command(*arguments):
    return CliRunner().invoke(false_alarms.main, ["--strangers", *arguments])


def test_the_command_counts_right_and_wrong_ones():
    done = command("--problems", "3", "--style", "float32_inputs", "--first", "5")
    assert done.exit_code == 0, done.output
    assert "3 right problems" in done.output
    assert "0 false alarms" in done.output
    assert "3 with a mistake planted: 0 missed" in done.output


@pytest.mark.parametrize("verdict", ["wrong", "undecided", "exact gradient"])
def test_a_check_of_one_answer_is_caught(verdict, monkeypatch):
    """Whatever it always says, half of the answers are wrong."""
    always = SimpleNamespace(right=verdict == "exact gradient", verdict=verdict, elements=3)
    monkeypatch.setattr(false_alarms, "check", lambda *_, **__: always)
    done = command("--problems", "2", "--style", "kinks_of_floats")
    assert done.exit_code == 1
    assert "seed 1, kinks_of_floats" in done.output
    alarms, missed = int(verdict != "exact gradient") * 2, int(verdict != "wrong") * 2
    undecided = 2 if verdict == "undecided" else 0
    assert f"{alarms} false alarms, {undecided} of them undecided" in " ".join(done.output.split())
    assert f"{missed} missed, {undecided} of them undecided" in " ".join(done.output.split())


def test_a_check_that_cannot_be_made_is_a_failure_with_its_reason(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no [bold] oracle")

    monkeypatch.setattr(false_alarms, "check", fails)
    done = command("--problems", "1", "--style", "kinks_of_floats")
    assert done.exit_code == 1
    assert "RuntimeError: no [bold] oracle" in " ".join(done.output.split())


def test_an_unknown_style_is_refused():
    assert command("--style", "cobol").exit_code == 2
