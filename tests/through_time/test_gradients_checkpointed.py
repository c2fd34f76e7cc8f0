"""BPTT within a memory budget: the plan is the best of its kind, the gradient equals BPTT's, and the budget is kept."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from helpers import an_ordinary_problem, assert_within, by_hand, in_balls, noise_floor, read, vjp
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.source import Source
from lstm_ref.strategies import Sizes
from lstm_ref.through_time import checkpointed
from lstm_ref.through_time.checkpointed import Plan, bytes_of, in_scanned_pieces, plan

HOW = [(None, False), ([13, 5], False), ([13, 0], True)]
PIECES = [(4,), (6, 3), (5, 4, 3), (50, 7)]


# ----------------------------------------------------------------------------------------------------- the plan


def held(T, pieces, tape, state):
    """CK2: counted level by level."""
    for every in pieces:
        yield (-(-T // every) + 1) * state
        T = min(every, T)
    yield T * tape


@given(T=st.integers(1, 300), tape=st.integers(1, 50), state=st.integers(1, 20), budget=st.integers(0, 5000))
def test_a_plan_keeps_to_its_budget_by_the_fewest_levels(T, tape, state, budget):
    try:
        found = plan(T, tape, state, budget)
    except BadInput as error:
        least = int(str(error).rpartition(" ")[2])
        assert least > budget
        found = plan(T, tape, state, least)
        assert found.held == least
        return
    assert sum(held(T, found.pieces, tape, state)) <= found.held <= budget
    assert list(found.pieces) == sorted(found.pieces, reverse=True)
    if found.pieces:
        assert T * tape > budget
    if len(found.pieces) > 1:
        assert all(sum(held(T, [every], tape, state)) > budget for every in range(1, T + 1))


def test_one_level_is_the_best_of_all_lengths_and_within_a_state_and_a_tape_of_the_formula():
    """CK2: rounding n up to a whole number adds at most one state, rounding T / n up at most one tape."""
    for T, tape, state in ((100, 7, 1), (1000, 14, 2), (20_000, 28, 2), (777, 3, 5)):
        every_length = min((-(-T // k) + 1) * state + k * tape for k in range(1, T + 1))
        found = plan(T, tape, state, T * tape - 1)
        assert len(found.pieces) == 1
        assert found.held == every_length
        assert 2 * (T * tape * state) ** 0.5 + state <= found.held <= 2 * (T * tape * state) ** 0.5 + 2 * state + tape


def test_where_everything_fits_nothing_is_computed_again():
    assert plan(100, 7, 1, 700) == Plan((), 700)
    assert plan(0, 7, 1, 0) == Plan((), 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1000, 14, 2, 40), r"1000 steps cannot go back within 40 bytes: the least budget that would do is \d+"),
        ((1000, 14, 2, 1e6), r"whole numbers, got .*budget=1000000\.0"),
        ((1000, 14, 2, -1), "whole numbers, got .*budget=-1"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_told_with_the_least_that_could(arguments, message):
    with pytest.raises(BadInput, match=message):
        plan(*arguments)


# ------------------------------------------------------------------------------------------------- the gradient


def a_problem(cell="lstm", lengths=None, reverse=False):
    return an_ordinary_problem(CELLS[cell], Sizes(13, 2, 3, 4), lengths=lengths, reverse=reverse)


def by_pieces(problem, pieces):
    way, how = in_scanned_pieces(*pieces), (problem.lengths, problem.reverse)
    with x64():
        outputs, borders = way.forward(problem.cell, *problem.arguments, *how)
        return outputs, way.backward(problem.cell, *problem.arguments, borders, problem.bar, *how)


def in_whole_numbers(problem):
    """Of the rectified network, with weights and inputs of -1, 0 and 1: floats add and multiply such without error."""
    rng = np.random.default_rng(0)
    whole = lambda tree: jax.tree.map(lambda v: rng.integers(-1, 2, v.shape).astype(float), tree)  # noqa: E731
    parts = {name: whole(getattr(problem, name)) for name in ("params", "initial", "xs", "bar")}
    return replace(problem, **parts)


@pytest.mark.parametrize("pieces", PIECES, ids=str)
@pytest.mark.parametrize(("lengths", "reverse"), HOW, ids=["full", "padded", "reversed"])
def test_in_whole_numbers_every_gradient_is_bptts_to_the_bit(pieces, lengths, reverse):
    """CK1, CK1*: no rounding, so no order of a sum, and nothing to be allowed for."""
    problem = in_whole_numbers(a_problem("rnn_relu", lengths, reverse))
    outputs, gradients = by_hand(problem)
    assert max(np.max(np.abs(v)) for v in jax.tree.leaves((outputs, gradients[:3]))) < 2**53
    assert np.any(gradients.initial.h)
    found = by_pieces(problem, pieces)
    jax.tree.map(np.testing.assert_array_equal, (found[0], found[1][:3]), (outputs, gradients[:3]))


def assert_bptts(found, problem):
    floor = noise_floor(lambda: read(by_hand(in_balls(problem))[1]), np.float64)
    assert_within(read(found), read(by_hand(problem)[1]), floor, factor=2)


@pytest.mark.parametrize(("lengths", "reverse"), HOW, ids=["full", "padded", "reversed"])
def test_the_derivative_within_a_budget_is_bptts(lengths, reverse):
    problem = a_problem(lengths=lengths, reverse=reverse)
    with x64():
        tape, state = bytes_of(problem.cell, *problem.arguments)
    for budget in (13 * tape, 6 * tape, tape + 10 * state):
        with x64():
            bptt = partial(checkpointed.bptt, budget=budget)
            found = jax.jit(lambda *read: vjp(bptt, problem.cell, reverse, *read))(  # noqa: B023
                problem.arguments, problem.lengths, problem.bar
            )
        assert_bptts(sequence.Gradients(*found), problem)


def test_it_works_inside_vmap_and_eagerly():
    problem = a_problem(lengths=[13, 5])
    with x64():
        tape, state = bytes_of(problem.cell, *problem.arguments)
    bptt = partial(checkpointed.bptt, budget=4 * tape + 6 * state)
    twice = jax.tree.map(lambda v: np.stack((v, 2 * v)), problem.arguments)
    with x64():
        loss = lambda p, initial, xs: (bptt(problem.cell, p, initial, xs, problem.lengths).hs ** 2).sum()  # noqa: E731
        together = jax.vmap(jax.grad(loss, (0, 1, 2)))(*twice)
        for k in range(2):
            alone = jax.grad(loss, (0, 1, 2))(*jax.tree.map(lambda v: v[k], twice))  # noqa: B023
            for mine, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
                # products of 4 terms, back through 13 steps, each summed in whatever order: 52 roundings
                np.testing.assert_allclose(mine[k], theirs, rtol=1e-13, atol=1e-13)


# -------------------------------------------------------------------------------------------------- the memory


def temporary(function, *shapes):
    return jax.jit(function).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_what_is_compiled_keeps_to_the_budget_and_plain_bptt_does_not(name):
    """CK2. Beside the budget: parameters' gradients, of all pieces and of one."""
    cell, T, B, D, H = CELLS[name], 1000, 8, 32, 32
    shaped = lambda shapes: arrays(shapes, lambda s: jax.ShapeDtypeStruct(s, np.float32))  # noqa: E731
    shapes = shaped(cell.parameter_shapes(D, H)), shaped(cell.state_shapes(B, H)), shaped((T, B, D))
    bar = jax.eval_shape(partial(sequence.scan, cell), *shapes)
    params = sum(4 * v.size for v in jax.tree.leaves(shapes[0]))
    tape, state = bytes_of(cell, *shapes)

    def needed(bptt):
        return temporary(lambda *read: jax.vjp(partial(bptt, cell), *read[:3])[1](read[3]), *shapes, bar)

    budget = plan(T, tape, state, T * tape // 10).held
    assert needed(partial(checkpointed.bptt, budget=budget)) <= budget + 2 * params
    assert needed(sequence.bptt) > 4 * budget


# -------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [
        ("_piece_by_piece", "if rest:", "if False:"),  # the last steps forgotten
        ("_piece_by_piece", "return (back(before, ", "return (back(jax.tree.map(lambda v: 0 * v, before), "),
        ("_piece_by_piece", "in_dim(v, j, ", "in_dim(v, j + 1, "),  # the state after the piece
        ("_piece_by_piece", "reverse=True", "reverse=False"),  # onward
        ("_by_tapes", "after.initial", "jax.tree.map(lambda v: 0 * v, after.initial)"),  # stateful training
        ("_by_tapes", "lengths - span.start", "lengths"),  # counted from the beginning of the sequence
        ("_by_tapes", "jax.tree.map(jnp.add, after.params, given.params)", "given.params"),
    ],
)
def test_a_planted_mistake_is_found(function, right, wrong, monkeypatch):
    problem = in_whole_numbers(a_problem("rnn_relu", [13, 5]))
    expected = by_hand(problem)[1][:3]
    monkeypatch.setattr(checkpointed, function, Source(getattr(checkpointed, function)).with_text({right: wrong}))
    found = by_pieces(problem, (4,))[1][:3]
    assert any(not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (found, expected)), strict=True))
