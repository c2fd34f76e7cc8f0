"""Recurrences through time: edges T1, T2 forward and T1*, T2*, T3* backward, by hand against autodiff."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import (
    PROOF_DIGITS,
    an_ordinary_problem,
    assert_digits,
    assert_hand_equals_autodiff,
    assert_within,
    autodiff_in_balls,
    by_bptt_and_autodiff,
    by_hand,
    in_balls,
    in_floats,
    noise_floor,
    read,
)
from hypothesis import given, reject
from hypothesis import strategies as st
from jax.sharding import Mesh

from lstm_ref import oracles, sequence
from lstm_ref.arithmetic.balls import as_balls, precision
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import BadInput, UndecidedComparison
from lstm_ref.leaves import paths
from lstm_ref.oracles.reverse import pullback
from lstm_ref.pages.probes import with_probes
from lstm_ref.strategies import KINDS, SHAPES, lengths, problems, values
from lstm_ref.through_time import checkpointed, data_parallel, fast_lstm, persistent

SOME = ("rnn_tanh", "rnn_relu", "lstm", "peephole", "gru")
"""Cells by which each way through time is tested; a way knows nothing of the cell that it takes through."""

each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)

PAGES = {cell.page: cell for cell in reversed(CELLS.values())}
one_cell_a_page = pytest.mark.parametrize("cell", PAGES.values(), ids=lambda cell: cell.name)
"""Cells of one page have one backward pass; in balls, each of them is tried."""
some_cells = pytest.mark.parametrize("cell", [CELLS[k] for k in SOME], ids=SOME)
lstm, rnn_tanh = CELLS["lstm"], CELLS["rnn_tanh"]
T, B, D, H = SHAPES[0]

LENGTHS = (6, 3)
"""A full row and a padded one."""


def check(problem, compiled=True):
    try:
        assert_hand_equals_autodiff(problem, compiled=compiled)
    except UndecidedComparison:  # rounding decides on which side of relu's kink the value falls: there is no truth
        reject()


# ------------------------------------------------------------------------------------- hand against autodiff, T1* T2*


@one_cell_a_page
@given(st.data())
def test_hand_equals_autodiff_whatever_the_values_lengths_and_direction(cell, data):
    """Each cell is compiled, onward with lengths, and each other way to take SOME of them through time."""
    problem = data.draw(problems(cell, shapes=SHAPES[:1]))
    check(problem, compiled=cell.name in SOME or (problem.lengths is not None and not problem.reverse))


@some_cells
@pytest.mark.parametrize("sizes", SHAPES[1:], ids=lambda s: "T{}-B{}-D{}-H{}".format(*s))
@given(st.data())
def test_hand_equals_autodiff_where_a_size_is_zero_or_one(cell, sizes, data):
    padded = lengths(sizes.T, sizes.B).filter(lambda n: n is not None)  # one structure, so JAX compiles once
    check(data.draw(problems(cell, shapes=[sizes], lengths=padded, reverse=st.just(False))))


@some_cells
@given(st.data())
def test_hand_equals_autodiff_in_float32_and_stays_in_float32(cell, data):
    check(data.draw(problems(cell, np.float32, SHAPES[:1], reverse=st.just(False))))


@some_cells
def test_a_thousand_random_problems_in_one_vmapped_call_equal_autodiff(cell):
    rng = np.random.default_rng(1)
    like, drawn, floors = an_ordinary_problem(cell), [], []

    def draw(tree):
        return jax.tree.map(lambda v: values(rng.choice(KINDS), rng.integers(2**31), v.shape), tree)

    def one():
        return draw(like.arguments), rng.integers(0, T + 1, B), draw(like.bar)

    floors_of = floors_in_one_walk(cell, one())
    while len(drawn) < 1000:
        few = [one() for _ in range(TOGETHER)]
        try:
            floors += floors_of(few)
            drawn += few
        except UndecidedComparison:
            for each in few:
                with suppress(UndecidedComparison):  # relu's kink, as above
                    floors.append(floor_of(cell, *each))
                    drawn.append(each)
    together = jax.jit(jax.vmap(partial(by_bptt_and_autodiff, sequence, cell, False)))
    with x64():
        custom, autodiff = together(*stacked(drawn))
    assert_within(read(custom), read(autodiff), stacked(floors), factor=2)


TOGETHER = 20
"""Problems whose floors are computed in one walk: in balls, calls cost more than numbers."""


def hand(cell, arguments, lengths, bar):
    """By hand, of all that a recurrence reads."""
    _, tapes = sequence.loop(cell, *arguments, lengths)
    return sequence.loop_backward(cell, *arguments, tapes, bar, lengths)._replace(nodes=None)


def floor_of(cell, arguments, lengths, bar):
    return noise_floor(lambda: hand(cell, *jax.tree.map(as_balls, arguments), lengths, as_balls(bar)), np.float64)


def floors_in_one_walk(cell, example):
    """A function that computes the floors of so many problems like this one."""
    together = jax.vmap(partial(hand, cell))
    arguments, lengths, bar = stacked([example] * TOGETHER)
    program = trace(together, arguments, lengths, bar)

    def floors(problems):
        arguments, lengths, bar = stacked(problems)
        found = noise_floor(lambda: program(arguments, lengths, bar), np.float64)
        return [{path: v[n] for path, v in found.items()} for n in range(len(problems))]

    return floors


def stacked(trees):
    return jax.tree.map(lambda *v: np.stack(v), *trees)


@some_cells
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@pytest.mark.parametrize("reverse", [False, True], ids=["onward", "reversed"])
def test_in_balls_hand_equals_autodiff_to_seventy_digits(cell, lengths, reverse):
    problem = an_ordinary_problem(cell, lengths=lengths, reverse=reverse)
    with precision(PROOF_DIGITS + 50):
        assert_digits(read(by_hand(in_balls(problem))[1]), read(autodiff_in_balls(problem)))


@some_cells
def test_in_balls_hand_equals_differences_of_the_loop_to_seventy_digits(cell):
    problem = an_ordinary_problem(cell, (3, 2, 1, 2), lengths=(3, 2))
    outputs = lambda arguments: sequence.loop(cell, *arguments, problem.lengths)[0]  # noqa: E731
    found = oracles.balls(outputs, problem.arguments, problem.bar, digits=80)
    with precision(PROOF_DIGITS + 50):
        slopes, doubt = (read(sequence.Gradients(*v)) for v in (found.gradients, found.error))
        assert_digits(read(by_hand(in_balls(problem))[1]), slopes, doubt)


@some_cells
@pytest.mark.parametrize("reverse", [False, True], ids=["onward", "reversed"])
def test_adjoints_of_every_node_at_every_step_equal_autodiff_at_the_node(cell, reverse):
    """T1*: the total over all readers, those in later steps included."""
    problem = an_ordinary_problem(cell, reverse=reverse)
    probed, order = with_probes(cell), range(T)[:: -1 if reverse else 1]
    _, tape = cell.forward(problem.params, problem.initial, problem.xs[0])
    zeros = jax.tree.map(lambda v: np.zeros((T, *v.shape)), tape.nodes)

    def outputs(probes):
        state, hs = problem.initial, [None] * T
        for t in order:
            state, _ = probed(problem.params, state, problem.xs[t], jax.tree.map(lambda v: v[t], probes))  # noqa: B023
            hs[t] = state.h
        return sequence.Outputs(jnp.stack(hs), state)

    adjoints = trace(lambda probes, bar: pullback(outputs, probes, bar), zeros, problem.bar)
    with precision(PROOF_DIGITS + 50):
        expected = adjoints(*jax.tree.map(as_balls, (zeros, problem.bar)))
        assert_digits(by_hand(in_balls(problem))[1].nodes, expected)


def one_output(name):
    """Cotangents of that output alone."""
    bar = jax.tree.map(np.zeros_like, an_ordinary_problem(lstm).bar)
    random = values("ordinary", 9, (B, H))
    if name.startswith("final."):
        return bar._replace(final=bar.final._replace(**{name.removeprefix("final."): random}))
    bar.hs[int(name.removeprefix("hs."))] = random
    return bar


@pytest.mark.parametrize("output", ["hs.0", "hs.3", "hs.5", "final.h", "final.c"])
def test_the_cotangent_of_each_output_alone_reaches_the_initial_state(output):
    """T1*: so does every element of the initial state, each a way of its own through all steps."""
    problem = replace(an_ordinary_problem(lstm), bar=one_output(output))
    assert_hand_equals_autodiff(problem)
    for v in by_hand(problem)[1].initial:
        assert (v != 0).all()


# ------------------------------------------------------------------------------------------- the outputs, T1 T2


@some_cells
@given(st.data())
def test_scan_computes_what_the_loop_does(cell, data):
    problem = data.draw(problems(cell, shapes=SHAPES[:1]))
    floor = noise_floor(lambda: by_hand(in_balls(problem))[0], np.float64)
    with x64():
        outputs = sequence.scan(cell, *problem.arguments, problem.lengths, problem.reverse)
    assert_within(outputs, by_hand(problem)[0], floor, factor=2)


@some_cells
def test_without_any_step_the_state_and_its_cotangent_pass_through_untouched(cell):
    problem = an_ordinary_problem(cell, SHAPES[1])
    outputs, gradients = by_hand(problem)
    assert outputs.hs.shape == (0, B, H)
    for found in (gradients, *in_floats(problem)):
        assert found.xs.shape == (0, B, D)
        for name, bar in problem.bar.final._asdict().items():
            np.testing.assert_array_equal(getattr(found.initial, name), bar)
            np.testing.assert_array_equal(getattr(outputs.final, name), getattr(problem.initial, name))
        assert all((v == 0).all() for v in found.params)
    for nodes in gradients.nodes:
        assert nodes.shape[0] == 0


def with_padding(problem, value):
    xs = problem.xs.copy()
    xs[np.arange(len(xs))[:, None] >= problem.lengths] = value
    return replace(problem, xs=xs)


@some_cells
@pytest.mark.parametrize("reverse", [False, True], ids=["onward", "reversed"])
def test_padded_steps_leave_the_state_alone_and_put_out_zero(cell, reverse):
    """T2: each row ends as if it were run by itself, for its own length."""
    problem = an_ordinary_problem(cell, lengths=(2, 0), reverse=reverse)
    with x64():
        scanned = sequence.scan(cell, *problem.arguments, problem.lengths, reverse)
    bar = problem.bar._replace(hs=problem.bar.hs[:2])
    alone = replace(problem, xs=problem.xs[:2], bar=bar, lengths=None)
    floor = noise_floor(lambda: first_row(by_hand(in_balls(alone))[0]), np.float64)
    for outputs in (by_hand(problem)[0], jax.tree.map(np.asarray, scanned)):
        assert (outputs.hs[2:, 0] == 0).all()
        assert (outputs.hs[:, 1] == 0).all()
        for after, before in zip(outputs.final, problem.initial, strict=True):
            np.testing.assert_array_equal(after[1], before[1])
        shortened = outputs._replace(hs=outputs.hs[:2])
        assert_within(first_row(shortened), first_row(by_hand(alone)[0]), floor, factor=2)


def first_row(outputs):
    return sequence.Outputs(outputs.hs[:, 0], type(outputs.final)(*(v[0] for v in outputs.final)))


@some_cells
@pytest.mark.parametrize("junk", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("reverse", [False, True], ids=["onward", "reversed"])
def test_nothing_in_the_padding_reaches_an_output_or_a_gradient(cell, junk, reverse):
    """T2*: not even a NaN, which times zero is NaN; and the padding receives no gradient."""
    problem = an_ordinary_problem(cell, lengths=(3, 0), reverse=reverse)
    clean, soiled = with_padding(problem, 0.5), with_padding(problem, junk)
    assert not np.isfinite(soiled.xs).all() or junk == 1e300
    for one, other in zip(by_hand(clean), by_hand(soiled), strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)
    for one, other in zip(in_floats(clean)[:1], in_floats(soiled)[:1], strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)
        assert (other.xs[3:] == 0).all()
        assert (other.xs[:, 1] == 0).all()
        assert (other.xs[:3, 0] != 0).any()


@some_cells
def test_lengths_of_all_steps_are_no_lengths(cell):
    """T2: and T2*."""
    problem = an_ordinary_problem(cell)
    for one, other in zip(by_hand(problem), by_hand(replace(problem, lengths=np.array([T] * B))), strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)


@some_cells
def test_reversed_time_is_time_on_the_reversed_sequence(cell):
    problem = an_ordinary_problem(cell)
    bar = problem.bar._replace(hs=problem.bar.hs[::-1])
    outputs, gradients = by_hand(replace(problem, reverse=True))
    flipped, of_flipped = by_hand(replace(problem, xs=problem.xs[::-1], bar=bar))
    np.testing.assert_array_equal(outputs.hs, flipped.hs[::-1])
    np.testing.assert_array_equal(gradients.xs, of_flipped.xs[::-1])
    jax.tree.map(np.testing.assert_array_equal, outputs.final, flipped.final)
    jax.tree.map(np.testing.assert_array_equal, gradients.params, of_flipped.params)


# ------------------------------------------------------------------------------------------ inside the user's JAX


def loss_of(recurrence, problem):
    """A scalar of params, initial state and xs, that no output is left out of."""

    def loss(arguments):
        outputs = recurrence(problem.cell, *arguments, problem.lengths, problem.reverse)
        terms = jax.tree.map(lambda out, bar: jnp.sum(jnp.sin(out) * bar), outputs, problem.bar)
        return sum(jax.tree.leaves(terms))

    return loss


def assert_alike(found, expected, digits):
    """To this many digits of the largest element, array by array."""
    for path, value in paths(found).items():
        right = np.asarray(paths(expected)[path])
        assert np.abs(right).max() > 0, path
        assert np.abs(np.asarray(value) - right).max() <= 10.0**-digits * np.abs(right).max(), path


@some_cells
def test_bptt_works_inside_jit_and_grad_and_vmap(cell):
    problem = an_ordinary_problem(cell, lengths=LENGTHS)
    many = jax.tree.map(lambda v: np.stack([v, v / 2, -v]), problem.arguments)
    with x64():
        hand, autodiff = (jax.grad(loss_of(f, problem)) for f in (sequence.bptt, sequence.scan))
        expected = jax.vmap(autodiff)(many)
        assert_alike(jax.jit(jax.vmap(hand))(many), expected, 14)
        assert_alike(jax.lax.map(hand, many), expected, 14)


def fast(cell, *read):
    return fast_lstm.bptt(*read)


@pytest.mark.parametrize(("cell", "recurrence"), [(rnn_tanh, sequence.bptt), (lstm, sequence.bptt), (lstm, fast)])
def test_the_gradient_of_the_gradient_equals_autodiffs_to_twelve_digits(cell, recurrence):
    problem = an_ordinary_problem(cell, lengths=LENGTHS)

    def squared_gradient(recurrence):
        of = jax.grad(loss_of(recurrence, problem))
        return lambda arguments: sum((g * g).sum() for g in jax.tree.leaves(of(arguments)))

    with x64():
        second = [jax.jit(jax.grad(squared_gradient(f)))(problem.arguments) for f in (recurrence, sequence.scan)]
    assert_alike(*second, 12)


RECURRENCES = {
    "sequence": sequence.bptt,
    "fast lstm": fast,
    "checkpointed": partial(checkpointed.bptt, budget=2**12),
    "persistent": persistent.bptt,
    "data parallel": data_parallel.bptt(Mesh(np.array(jax.devices()[:1]), ("rows",))),
}


@pytest.mark.parametrize("kind", [list, tuple, np.uint8], ids=lambda k: k.__name__)
@pytest.mark.parametrize("recurrence", RECURRENCES.values(), ids=RECURRENCES)
def test_lengths_may_be_any_integers_under_grad_and_under_jit(recurrence, kind):
    problem = an_ordinary_problem(lstm, lengths=LENGTHS)
    given = replace(problem, lengths=np.array(LENGTHS, np.uint8) if kind is np.uint8 else kind(LENGTHS))
    with x64():
        expected = jax.value_and_grad(loss_of(sequence.scan, problem))(problem.arguments)
        found = jax.value_and_grad(loss_of(recurrence, given))
        for way in (found, jax.jit(found)):
            assert_alike(way(problem.arguments), expected, 12)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_outputs_alone_of_the_fast_lstm_are_the_scans(reverse):
    problem = an_ordinary_problem(lstm, lengths=LENGTHS)
    with x64():
        found = fast_lstm.bptt(*problem.arguments, LENGTHS, reverse)
        assert_alike(found, sequence.scan(lstm, *problem.arguments, LENGTHS, reverse), 14)


def test_the_outputs_alone_of_the_fast_lstm_take_no_tape():
    T, B, D, H = 1024, 8, 4, 64
    p = lstm.initial_parameters(np.random.default_rng(0), D, H)
    read = jax.tree.map(np.float32, (p, arrays(lstm.state_shapes(B, H), np.zeros), np.zeros((T, B, D))))
    taken = jax.jit(fast_lstm.bptt).lower(*read).compile().memory_analysis()
    assert taken.temp_size_in_bytes + taken.output_size_in_bytes < 4 * read[2].itemsize * T * B * H  # a tape: 6 times


def test_bptt_differentiates_in_the_float32_that_a_user_runs_by_default():
    problem = jax.tree.map(np.float32, an_ordinary_problem(lstm).arguments)
    found = jax.grad(lambda a: sequence.bptt(lstm, *a).hs.sum())(problem)
    assert all(v.dtype == np.float32 for v in jax.tree.leaves(found))


# --------------------------------------------------------------------------------------------- truncated BPTT, T3*


def truncated_by_hand(problem, k1, k2):
    _, tapes = sequence.loop(problem.cell, *problem.arguments)
    return sequence.truncated(problem.cell, *problem.arguments, tapes, problem.bar, k1, k2)


def truncated_by_definition(problem, k1, k2):
    """Autodiff, in balls: the newest k1 outputs, computed anew from the state k2 steps back, through which nothing
    flows."""
    cell, steps = problem.cell, len(problem.xs)

    def outputs(arguments):
        p, initial, xs = arguments
        states, hs = [initial], []
        for t in range(steps):
            states.append(cell.forward(p, states[-1], xs[t])[0])
        for start in range(0, steps, k1):
            end, oldest = min(start + k1, steps), max(0, min(start + k1, steps) - k2)
            state = states[oldest] if oldest == 0 else jax.lax.stop_gradient(states[oldest])
            for t in range(oldest, end):
                state = cell.forward(p, state, xs[t])[0]
                hs += [state.h] if t >= start else []
        return sequence.Outputs(jnp.stack(hs), state)

    definition = trace(lambda a, bar: pullback(outputs, a, bar), problem.arguments, problem.bar)
    return sequence.Gradients(*definition(*jax.tree.map(as_balls, (problem.arguments, problem.bar))))


@some_cells
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 3), (2, 2), (2, 3), (3, 4), (4, 5), (6, 6), (2, 9)])
def test_truncated_bptt_equals_its_definition_by_stopped_gradients(cell, k1, k2):
    """T3*"""
    problem = an_ordinary_problem(cell)
    with precision(PROOF_DIGITS + 50):
        found = truncated_by_hand(in_balls(problem), k1, k2)
        assert_digits(read(found), read(truncated_by_definition(problem, k1, k2)))


@some_cells
def test_truncated_bptt_is_the_gradient_when_nothing_is_cut_and_is_not_when_something_is(cell):
    """T3*"""
    problem = in_balls(an_ordinary_problem(cell))
    with precision(PROOF_DIGITS + 50):
        gradient = read(by_hand(problem)[1])
        assert_digits(read(truncated_by_hand(problem, T, T)), gradient)
        assert_digits(read(truncated_by_hand(problem, 1, T)), gradient)
        with pytest.raises(AssertionError, match="digits agree"):
            assert_digits(read(truncated_by_hand(problem, 2, 3)), gradient)


def test_truncated_bptt_of_no_step_is_the_cotangent_of_the_final_state():
    """T3*"""
    problem = an_ordinary_problem(lstm, SHAPES[1])
    found = truncated_by_hand(problem, 1, 1)
    jax.tree.map(np.testing.assert_array_equal, found.initial, problem.bar.final)
    assert all((v == 0).all() for v in found.params)


@pytest.mark.parametrize(("k1", "k2"), [(0, 1), (3, 2), (-1, 4)])
def test_truncated_bptt_refuses_outputs_that_do_not_reach_their_own_step(k1, k2):
    with pytest.raises(BadInput, match=f"k1={k1}, k2={k2}"):
        truncated_by_hand(an_ordinary_problem(lstm), k1, k2)


# --------------------------------------------------------------------------------------------------- bad input


def changed(problem, **changes):
    for path, change in changes.items():
        owner, _, name = path.partition("__")
        whole = getattr(problem, owner)
        part = whole._replace(**{name: change(getattr(whole, name))}) if name else change(whole)
        problem = replace(problem, **{owner: part})
    return problem


def cut(v):
    return v[..., :-1]


BAD = {
    "xs must be time-major": {"xs": lambda v: v[0]},
    "parameter w_x must have shape (2, 16)": {"xs": cut},
    "parameter w_x must have shape (3, 16)": {"params__w_x": cut},
    "parameter w_h must have shape (4, 16)": {"params__w_h": np.transpose},
    "parameter b must have shape (16,)": {"params__b": cut},
    "initial state c must have shape (2, 4)": {"initial__c": cut},
    "initial state h must have shape (2, 4)": {"initial__h": lambda v: v[:1]},
    "initial state must be a named tuple of h, c, got ndarray": {"initial": lambda s: s.h},
    "parameters must be a named tuple of w_x, w_h, b, got dict": {"params": lambda p: p._asdict()},
    "lengths must have shape (2,)": {"lengths": lambda _: np.array([1, 2, 3])},
    "lengths must be integers, got float64": {"lengths": lambda _: np.array([1.0, 2.0])},
    "lengths must lie in 0..6, got 2..7": {"lengths": lambda _: np.array([7, 2])},
    "lengths must lie in 0..6, got -1..2": {"lengths": lambda _: np.array([-1, 2])},
}


@pytest.mark.parametrize(("message", "changes"), BAD.items(), ids=BAD)
def test_bad_input_is_refused_by_loop_and_bptt_with_the_name_of_the_culprit(message, changes):
    problem = changed(an_ordinary_problem(lstm, lengths=LENGTHS), **changes)
    for recurrence in (sequence.loop, sequence.bptt):
        with pytest.raises(BadInput) as error:
            recurrence(lstm, *problem.arguments, problem.lengths)
        assert message in str(error.value)


@pytest.mark.parametrize("dtype", [np.float16, np.int32])
def test_arrays_of_two_dtypes_are_refused_with_each_by_its_name(dtype):
    problem = changed(an_ordinary_problem(lstm), params__w_h=lambda v: v.astype(dtype))
    with pytest.raises(BadInput, match=f"w_h: {np.dtype(dtype)}"):
        sequence.bptt(lstm, *problem.arguments)
