"""The other ways through time: outputs and gradients equal the plain loop's to seventy digits, for any values."""

import jax
import numpy as np
import pytest
from helpers import PROOF_DIGITS, an_ordinary_problem, by_hand, in_balls
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref import padding, sequence
from lstm_ref.arithmetic.balls import as_balls, magnitudes, precision
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput
from lstm_ref.selfcheck.builtin import problems as builtin_problems
from lstm_ref.selfcheck.builtin.recurrences import JAX_CODE
from lstm_ref.strategies import Sizes, problems
from lstm_ref.through_time import (
    bidirectional,
    checkpointed,
    fast_lstm,
    initial_state,
    linear,
    mlstm_parallel,
    parallel,
    persistent,
    rtrl,
)
from lstm_ref.through_time.bidirectional import Both
from lstm_ref.through_time.checkpointed import in_scanned_pieces
from lstm_ref.through_time.pieces import in_pieces
from lstm_ref.through_time.plan import FastPlan

SHAPES = [Sizes(5, 2, 3, 2), Sizes(1, 2, 3, 2), Sizes(4, 1, 2, 3)]
WITHOUT_STEPS = Sizes(0, 2, 3, 4)

EVERY_WAY = {
    "lstm in pieces of one": ("lstm", in_pieces(1)),
    "lstm in pieces of two": ("lstm", in_pieces(2)),
    "mgu in one piece": ("mgu", in_pieces(50)),
    "stack in pieces": ("stacked_lstm", in_pieces(3)),
    "lstm, scanned pieces": ("lstm", in_scanned_pieces(2)),
    "gru, scanned pieces of pieces": ("gru", in_scanned_pieces(3, 2, 1)),
    "conv lstm, one scanned piece": ("conv_lstm_1d", in_scanned_pieces(50)),
    "qrnn in pieces": ("qrnn_fo", in_pieces(2)),
    "lstm by its kernels": ("lstm", persistent.PERSISTENT),
    "fast lstm": ("lstm", fast_lstm.FAST),
    "fast lstm in pieces of two": ("lstm", fast_lstm.with_pieces_of(2)),
    "fast lstm in two blocks": ("lstm", fast_lstm.through(FastPlan("fast", 1, 2, 2, 1))),
    "fast lstm, weights first": ("lstm", fast_lstm.through(FastPlan("fast", 1, 2, 1, 1, weights_first=True))),
    **{f"{name} in parallel": (name, parallel.PARALLEL) for name in parallel.LINEAR},
    "minGRU, parallel pieces": ("min_gru", in_pieces(2, parallel.PARALLEL)),
    "mLSTM in parallel": ("mlstm", mlstm_parallel.PARALLEL),
    "mLSTM, scaled query, in parallel": ("mlstm_scaled_query", mlstm_parallel.PARALLEL),
    "mLSTM in chunks": ("mlstm", in_pieces(2, mlstm_parallel.PARALLEL)),
    "mLSTM in chunks of one": ("mlstm", in_pieces(1, mlstm_parallel.PARALLEL)),
}
every_way = pytest.mark.parametrize(("name", "way"), EVERY_WAY.values(), ids=EVERY_WAY)


def by(way, problem):
    """(outputs, gradients) by another way, in balls."""

    def both(arguments, bar):
        how = problem.lengths, problem.reverse
        outputs, tape = way.forward(problem.cell, *arguments, *how)
        return outputs, way.backward(problem.cell, *arguments, tape, bar, *how)[:3]

    exact = in_balls(problem)
    inner = getattr(way.forward, "keywords", {}).get("through", way)  # of pieces, how one is taken
    if getattr(inner.forward, "func", inner.forward) in JAX_CODE:
        return trace(both, problem.arguments, problem.bar)(exact.arguments, exact.bar)
    return both(exact.arguments, exact.bar)


def assert_equal(found, expected):
    """To seventy digits of the largest element; or of 1, as a cotangent may be zero that is a sum of large ones."""
    for (path, mine), truth in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(expected), strict=True):
        error, size = (np.max(magnitudes(v), initial=0.0) for v in (mine - truth, truth))
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        assert error <= 10.0**-PROOF_DIGITS * max(1.0, size), f"{name} is off by {error:.3g}, its largest is {size:.3g}"


def assert_the_loops(way, problem):
    with precision(PROOF_DIGITS + 50):
        expected, gradients = by_hand(in_balls(problem))
        outputs, found = by(way, problem)
        assert_equal(outputs, expected)
        assert_equal(sequence.Gradients(*found), sequence.Gradients(*gradients[:3]))


@every_way
@given(data=st.data())
def test_a_way_gives_the_loops_outputs_and_gradients_whatever_the_values(name, way, data):
    assert_the_loops(way, data.draw(problems(CELLS[name], np.float64, SHAPES)))


@every_way
def test_a_way_through_no_step_at_all_hands_the_state_on(name, way):
    problem = an_ordinary_problem(CELLS[name], WITHOUT_STEPS)
    if "mlstm" in name or getattr(way.forward, "func", None) is checkpointed.forward:
        with pytest.raises(BadInput, match="needs a step, got none"):
            by(way, problem)
    else:
        assert_the_loops(way, problem)


@every_way
def test_what_stands_in_the_padding_reaches_nothing(name, way):
    problem = an_ordinary_problem(CELLS[name], SHAPES[0], lengths=[5, 2])
    problem.xs[2:, 1] = np.nan
    problem.bar.hs[2:, 1] = np.nan
    with x64():
        outputs, tape = way.forward(problem.cell, *problem.arguments, problem.lengths)
        found = way.backward(problem.cell, *problem.arguments, tape, problem.bar, problem.lengths)
    assert all(np.all(np.isfinite(v)) for v in jax.tree.leaves((outputs, found[:3])))
    assert np.all(np.asarray(found.xs)[2:, 1] == 0)


@pytest.mark.parametrize(("name", "way"), list(EVERY_WAY.values())[-4:-1], ids=list(EVERY_WAY)[-4:-1])
def test_mlstm_runs_under_jit(name, way):
    problem = an_ordinary_problem(CELLS[name], SHAPES[0], lengths=[5, 2])
    with x64():
        arguments = jax.tree.map(jax.numpy.asarray, problem.arguments)
        jitted = jax.jit(lambda *read: way.forward(problem.cell, *read, problem.lengths)[0])(*arguments)
    plain = way.forward(problem.cell, *problem.arguments, problem.lengths)[0]
    for mine, theirs in zip(jax.tree.leaves(jitted), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)


@given(problem=problems(CELLS["lstm"], np.float64, SHAPES, reverse=st.just(False)))
def test_forward_accumulation_gives_what_bptt_gives(problem):
    exact = in_balls(problem)
    with precision(PROOF_DIGITS + 50):
        expected, back = by_hand(exact)
        outputs, along = rtrl.gradients(*exact.arguments, exact.bar, problem.lengths)
        assert_equal(outputs, expected)
        assert_equal(along, rtrl.Learned(back.params, back.initial))


@pytest.mark.parametrize("merge", bidirectional.Merge.__args__)
@given(data=st.data())
def test_both_directions_are_two_loops(merge, data):
    sizes = [data.draw(st.sampled_from(SHAPES))]
    first, second = (
        in_balls(data.draw(problems(CELLS[name], np.float64, sizes, reverse=st.just(False)))) for name in ("gru", "gru")
    )
    xs, lengths = first.xs, first.lengths
    both = Both(first.cell, second.cell), Both(first.params, second.params), Both(first.initial, second.initial)
    with precision(PROOF_DIGITS + 50):
        outputs, tape = bidirectional.forward(*both, xs, lengths, merge)
        onward, onward_tapes = sequence.loop(first.cell, first.params, first.initial, xs, lengths)
        back, back_tapes = sequence.loop(second.cell, second.params, second.initial, xs, lengths, True)
        y_bar = as_balls(np.random.default_rng(0).standard_normal(outputs.hs.shape))
        found = bidirectional.backward(
            *both, xs, tape, sequence.Outputs(y_bar, Both(first.bar.final, second.bar.final)), lengths, merge
        )
        H = onward.hs.shape[-1]
        merged, to_onward, to_back = {
            "concat": lambda: (np.concatenate((onward.hs, back.hs), -1), y_bar[..., :H], y_bar[..., H:]),
            "sum": lambda: (onward.hs + back.hs, y_bar, y_bar),
            "mean": lambda: ((onward.hs + back.hs) / 2, y_bar / 2, y_bar / 2),
            "product": lambda: (onward.hs * back.hs, y_bar * back.hs, y_bar * onward.hs),
        }[merge]()
        assert_equal({"hs": outputs.hs}, {"hs": merged})
        one = sequence.loop_backward(
            *(first.cell, first.params, first.initial, xs, onward_tapes),
            *(sequence.Outputs(to_onward, first.bar.final), lengths),
        )
        other = sequence.loop_backward(
            *(second.cell, second.params, second.initial, xs, back_tapes),
            *(sequence.Outputs(to_back, second.bar.final), lengths, True),
        )
        assert_equal(found.params, Both(one.params, other.params))
        assert_equal(found.initial, Both(one.initial, other.initial))
        assert_equal({"xs": found.xs}, {"xs": one.xs + other.xs})


def test_a_learned_initial_state_is_read_by_every_sequence():
    row = CELLS["lstm"].state_shapes(1, 3)
    row = type(row)(*(np.arange(3.0)[None] + k for k in range(2)))
    rows = initial_state.forward(row, 4)
    assert all(v.shape == (4, 3) and np.all(v == v[0]) for v in rows)
    given = initial_state.backward(rows)
    assert all(np.array_equal(a, 4 * b) for a, b in zip(given, row, strict=True))


def test_a_piece_keeps_one_state_and_no_tape():
    problem = an_ordinary_problem(CELLS["lstm"], Sizes(7, 2, 3, 4))
    for every, pieces in ((1, 7), (3, 3), (7, 1), (9, 1)):
        _, kept = in_pieces(every).forward(problem.cell, *problem.arguments)
        assert len(kept) == pieces
        assert all(jax.tree.map(np.shape, state) == jax.tree.map(np.shape, problem.initial) for state in kept)


def test_thousands_of_shut_gates_underflow_in_no_parallel_form():
    """keep = e^-7 at every step, so that its product over 3,000 steps is e^-21000."""
    cell, T = CELLS["min_gru"], 3000
    params = type(cell.params)(np.zeros((1, 4)), np.array([7.0, 7.0, 0.5, -0.5]))
    read = params, type(cell.state)(np.ones((1, 2))), np.zeros((T, 1, 1))
    expected, tapes = sequence.loop(cell, *read)
    bar = sequence.Outputs(np.ones((T, 1, 2)), type(cell.state)(np.ones((1, 2))))
    gradients = sequence.loop_backward(cell, *read, tapes, bar)
    with x64():
        outputs, tape = parallel.forward(cell, *read)
        found = parallel.backward(cell, *read, tape, bar)
    for mine, truth in zip(
        jax.tree.leaves((outputs, found[:3])), jax.tree.leaves((expected, gradients[:3])), strict=True
    ):
        np.testing.assert_allclose(mine, truth, rtol=1e-11, atol=1e-300)


def test_a_row_turned_twice_is_itself_and_its_padding_stays():
    v, lengths = np.arange(20).reshape(5, 4), np.array([5, 3, 1, 0])
    turned = padding.flipped(v, lengths)
    assert np.array_equal(padding.flipped(turned, lengths), v)
    assert turned[:, 1].tolist() == [9, 5, 1, 13, 17]
    assert np.array_equal(turned[:, 3], v[:, 3])


def test_one_scan_is_the_recurrence_for_every_number_of_steps():
    rng = np.random.default_rng(0)
    for T in (1, 2, 3, 8, 13):
        log_a, b, v0 = -rng.random((T, 2)), rng.standard_normal((T, 2)), rng.standard_normal(2)
        with x64():
            vs = np.asarray(linear.recurrence(log_a, b, v0))
        assert np.allclose(vs, np.exp(log_a) * np.concatenate((v0[None], vs[:-1])) + b, rtol=1e-13)


def both(*each):
    return [Both(one, one) for one in each]


def an_ordinary_bar(arguments, B=2):
    return sequence.Outputs(np.ones((5, B, 2)), arguments[1])


@pytest.mark.parametrize(
    "way",
    [in_pieces(2), in_scanned_pieces(4, 3), parallel.PARALLEL, sequence.LOOP, sequence.SCAN],
    ids=["pieces", "scanned pieces", "parallel", "loop", "scan"],
)
@pytest.mark.parametrize("kind", [list, np.uint8, np.int64, jax.numpy.asarray], ids=lambda k: k.__name__)
def test_lengths_may_be_any_integers(way, kind):
    problem = an_ordinary_problem(CELLS["min_gru"], SHAPES[0], lengths=[5, 2])
    lengths = [5, 2] if kind is list else kind([5, 2])
    expected, gradients = by_hand(problem)
    with x64():
        outputs, tape = way.forward(problem.cell, *problem.arguments, lengths)
        found = way.backward(problem.cell, *problem.arguments, tape, problem.bar, lengths)
    for mine, truth in zip(
        jax.tree.leaves((outputs, found[:3])), jax.tree.leaves((expected, gradients[:3])), strict=True
    ):
        np.testing.assert_allclose(mine, truth, rtol=1e-12, atol=1e-13)


def test_no_candidate_underflows_before_its_logarithm_is_taken():
    problem = an_ordinary_problem(CELLS["min_gru"], SHAPES[0])
    read = problem.params, problem.initial, 3000 * problem.xs
    expected = sequence.loop(problem.cell, *read)[0]
    with x64():
        outputs, vjp = jax.vjp(lambda *read: parallel.forward(problem.cell, *read)[0], *read)
        assert all(np.all(np.isfinite(v)) for v in jax.tree.leaves(vjp(problem.bar)))
    np.testing.assert_allclose(outputs.hs, expected.hs, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: in_pieces(0).forward(CELLS["lstm"], *a), "at least one step, and whole ones, got every=0"),
        (lambda a: in_scanned_pieces(2, 0).forward(CELLS["lstm"], *a), r"whole ones, got pieces=\(2, 0\)"),
        (lambda a: in_scanned_pieces().forward(CELLS["lstm"], *a), r"at least one step.*got pieces=\(\)"),
        (lambda a: parallel.forward(CELLS["lstm"], *a), "lstm has no parallel form.*min_gru, min_lstm"),
        (lambda a: persistent.forward(CELLS["gru"], *a), "gru has no persistent kernel: only the LSTM has"),
        (lambda a: fast_lstm.forward(CELLS["gru"], *a), "is only for the LSTM, got the cell gru: sequence.bptt takes"),
        (
            lambda a: fast_lstm.backward(
                *(CELLS["lstm"], a[0], a[1], a[2][:4], fast_lstm.forward(CELLS["lstm"], *a)[1]),
                sequence.Outputs(np.ones((4, 2, 2)), a[1]),
            ),
            r"the tape's states must have shape \(5, 2, 2\), one more than steps, got \(6, 2, 2\)",
        ),
        (lambda a: mlstm_parallel.forward(CELLS["lstm"], *a), "lstm has no such form: only mLSTM has"),
        (lambda a: bidirectional.forward(*both(CELLS["lstm"], *a[:2]), a[2], merge="max"), "'max'"),
        (lambda a: bidirectional.forward(*both("lstm", *a[:2]), a[2]), "two cells, got str"),
        (lambda a: in_pieces(2).forward(CELLS["lstm"], a[0], a[1], a[2][:, :, :1]), "w_x must have shape"),
        (lambda a: in_pieces(2.5).forward(CELLS["lstm"], *a), "whole ones, got every=2.5"),
        (lambda a: in_pieces(2).forward(CELLS["lstm"], *a, np.array([9, 3])), r"lengths must lie in 0..5, got 3..9"),
        (lambda a: in_pieces(2).forward(CELLS["lstm"], *a, np.array([2.0, 3])), "lengths must be integers"),
        (lambda a: sequence.SCAN.forward(CELLS["lstm"], *a, np.array([5, -3])), r"lengths must lie in 0..5, got -3"),
        (lambda a: rtrl.gradients(*a, an_ordinary_bar(a), np.array([5])), r"lengths must have shape \(2,\)"),
        (lambda a: rtrl.gradients(*a, an_ordinary_bar(a, 1)), r"cotangent of hs must have shape \(5, 2, 2\), got"),
        (lambda a: sequence.loop_backward(CELLS["lstm"], *a, [], an_ordinary_bar(a, 1)), "cotangent of hs"),
        (lambda a: bidirectional.forward((1, 2), a[0], a[1], a[2]), "cells must be Both"),
        (lambda a: initial_state.forward(a[1], 3), r"one row, arrays \(1, ...\), got shape \(2, 2\)"),
        (
            lambda a: sequence.loop(CELLS["lstm"], a[0], a[1]._replace(c=None), a[2]),
            r"got a named tuple of h, c \(None",
        ),
    ],
)
def test_bad_input_is_said_at_once(call, message):
    problem = an_ordinary_problem(CELLS["lstm"], SHAPES[0])
    with pytest.raises(BadInput, match=message):
        call(problem.arguments)


@pytest.mark.parametrize(
    "name", ["time/lstm-rtrl", "time/mlstm-chunkwise", "time/min_gru-parallel", "time/bidirectional-product"]
)
def test_a_way_that_forgets_a_term_is_found(name):
    from lstm_ref.checking.checker import check

    problem = builtin_problems()[name](np.random.default_rng(0))
    assert check(problem, oracles=["balls"], digits=20).right

    def forgetful(inputs, bar):
        given = problem.gradients(inputs, bar)
        return {**given, "initial": jax.tree.map(lambda v: 0 * v, given["initial"])}

    from dataclasses import replace

    assert not check(replace(problem, gradients=forgetful), oracles=["balls"], digits=20, explain=False).right
