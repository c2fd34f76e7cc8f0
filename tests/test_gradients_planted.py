"""The suite tests itself: with a mistake planted, the helper that the gradient tests use must raise."""

import pytest
from helpers import Disagreement, an_ordinary_problem, assert_hand_equals_autodiff
from planted import LSTM, MISTAKES, RNN, SEQUENCE, Mistake

from lstm_ref import sequence
from lstm_ref.cells import CELLS


def check_with(module):
    """Hand against autodiff, in the recurrence that the module defines; a row is shorter than the other."""
    cell = getattr(module, "lstm", None) or getattr(module, "rnn_tanh", None) or CELLS["lstm"]
    through_time = module if hasattr(module, "loop_backward") else sequence
    assert_hand_equals_autodiff(an_ordinary_problem(cell, lengths=(6, 3)), through_time)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_planted_mistake_makes_the_comparison_raise(mistake):
    with pytest.raises(Disagreement):
        check_with(mistake.module())


@pytest.mark.parametrize("file", [LSTM, RNN, SEQUENCE])
def test_with_nothing_planted_the_comparison_passes(file):
    """So what raises above is the mistake, and not the planting."""
    imports = "from __future__ import annotations"
    check_with(Mistake(file, imports, imports).module())


@pytest.mark.parametrize("file", [LSTM, RNN, SEQUENCE])
def test_a_mistake_whose_line_is_not_in_the_source_is_not_planted(file):
    with pytest.raises(AssertionError, match="0 times"):
        Mistake(file, "no such line", "").module()
