"""VA1*-VA3*: the Jacobians of a state with respect to earlier ones equal autodiff's; measurements with them are
correct."""

from functools import partial

import jax
import numpy as np
import pytest
from helpers import PROOF_DIGITS, an_ordinary_problem, in_balls, traced

from lstm_ref import sequence
from lstm_ref.arithmetic.balls import as_balls, magnitudes, precision
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.lstm import State, split_gates
from lstm_ref.errors import BadInput
from lstm_ref.models import classifier
from lstm_ref.vanishing import (
    BIASES,
    PADDINGS,
    Reach,
    after_padding,
    carousel,
    reach_on_text,
    spectral_norms,
    state_jacobians,
)

T, B, D, H = SIZES = (6, 2, 3, 4)
LSTM = CELLS["lstm"]


def assert_eleven_digits(hand, autodiff):
    for mine, truth in zip(jax.tree.leaves(hand), jax.tree.leaves(autodiff), strict=True):
        assert mine.shape == truth.shape
        assert np.max(np.abs(mine - truth)) <= 1e-11 * np.max(np.abs(truth))


def final_of_one_row(cell, p, xs, state):
    """The last state, given a state without a batch axis."""
    final = sequence.loop(cell, p, jax.tree.map(lambda v: v[None], state), xs)[0].final
    return jax.tree.map(lambda v: v[0], final)


@pytest.mark.parametrize(
    "name", ["rnn_tanh", "gru", "lstm", "peephole", "lstmp", "tanh_carried", "slstm", "stacked_lstm"]
)
def test_gradients_of_the_last_state_in_every_earlier_one_are_autodiffs(name):
    problem = an_ordinary_problem(CELLS[name], SIZES)
    cell, p, initial, xs = problem.cell, *problem.arguments
    found = list(state_jacobians(cell, p, initial, xs))  # VA1*, VA2*
    assert len(found) == T + 1
    states = [initial]
    for x in xs:
        states.append(cell.forward(p, states[-1], x)[0])
    for n, hand in enumerate(found):
        for row in range(B):
            state = jax.tree.map(lambda v, row=row: v[row], states[T - n])
            remaining = xs[T - n :, row : row + 1]
            truth = traced(jax.jacrev(lambda s, xs=remaining: final_of_one_row(cell, p, xs, s)), state)
            assert_eleven_digits(jax.tree.map(lambda v, row=row: v[row], hand), truth)


def test_gradients_over_a_hundred_steps_keep_eleven_digits():
    problem = an_ordinary_problem(LSTM, (104, 1, D, H))
    p, initial, xs = jax.tree.map(lambda v: v / 2, problem.arguments)  # so that they vanish
    *_, hand = state_jacobians(LSTM, p, initial, xs)
    with x64():
        truth = jax.jit(jax.jacrev(lambda s: sequence.scan(LSTM, p, s, xs).final))(initial)
    truth = jax.tree.map(lambda v: np.asarray(v)[:, :, 0], truth)
    assert 0 < np.max(np.abs(truth.c.c)) < 1e-6
    assert_eleven_digits(hand, truth)


def test_gradients_are_the_differences_of_the_last_state_in_balls():
    """VA1*, VA2*: differences with a step of 1e-45, whose error is of the order of its square."""
    problem = in_balls(an_ordinary_problem(LSTM, (4, 1, 2, 3)))
    p, initial, xs = problem.arguments
    with precision(PROOF_DIGITS + 80):
        *_, hand = state_jacobians(LSTM, p, initial, xs)
        step = as_balls(10.0) ** -45
        for field in ("h", "c"):
            for k in range(3):

                def final(moved, field=field, k=k):
                    value = getattr(initial, field).copy()
                    value[0, k] = value[0, k] + moved
                    return sequence.loop(LSTM, p, initial._replace(**{field: value}), xs)[0].final

                for out, ahead, behind in zip(hand, final(step), final(-step), strict=True):
                    error = (ahead - behind) / (2 * step) - getattr(out, field)[:, :, k]
                    assert np.max(magnitudes(error)) < 10.0**-PROOF_DIGITS


def test_gradients_of_c_are_the_carousel_alone_where_there_is_no_recurrent_kernel_and_only_there():
    """VA3*"""
    problem = in_balls(an_ordinary_problem(LSTM, (4, B, 2, 3)))
    p, initial, xs = problem.arguments

    def gap(p):
        """The largest difference over all steps back."""
        pairs = zip(state_jacobians(LSTM, p, initial, xs), carousel(LSTM, p, initial, xs), strict=True)
        return [np.max(magnitudes(as_balls(J.c.c - f[:, :, None] * np.eye(3)))) for J, f in pairs]

    with precision(PROOF_DIGITS + 30):
        assert max(gap(p._replace(w_h=0 * p.w_h))) < 10.0**-PROOF_DIGITS
        whole = gap(p)
    assert max(whole[:2]) < 1e-15  # c_T reads c_{T-1} by the forget gate alone, with any kernel
    assert min(whole[2:]) > 1e-3


def test_gradients_with_forget_gates_at_one_half_are_powers_of_two_to_the_last_bit():
    rng = np.random.default_rng(0)
    p = LSTM.initial_parameters(rng, D, H)._replace(w_h=np.zeros((H, 4 * H)))
    split_gates(p.w_x)[1][:], split_gates(p.b)[1][:] = 0, 0
    initial, xs = State(np.zeros((1, H)), rng.standard_normal((1, H))), rng.standard_normal((104, 1, D))
    for n, (J, f) in enumerate(zip(state_jacobians(LSTM, p, initial, xs), carousel(LSTM, p, initial, xs), strict=True)):
        assert np.array_equal(J.c.c[0], 0.5**n * np.eye(H))
        assert np.array_equal(f, np.full((1, H), 0.5**n))
    assert n == 104


def test_the_spectral_norm_is_the_most_by_which_a_cotangent_grows():
    rng = np.random.default_rng(0)
    blocks = rng.standard_normal((B, H, D))
    norms = spectral_norms(blocks)
    bars = rng.standard_normal((1000, B, H))
    grown = np.linalg.norm(np.einsum("kbh,bhd->kbd", bars, blocks), axis=-1) / np.linalg.norm(bars, axis=-1)
    assert norms.shape == (B,)
    assert np.all(grown <= norms * (1 + 1e-12))
    assert np.all(grown.max(0) > 0.9 * norms)
    diagonal = np.array([[0.5, -3.0, 1.0]])
    assert spectral_norms(diagonal) == spectral_norms(diagonal[:, :, None] * np.eye(3)) == 3


def test_the_decay_is_the_geometric_mean_of_the_steps_and_stops_where_floats_do():
    assert Reach("x", None, "h", 0.7 ** np.arange(105.0)).decay == pytest.approx(0.7, rel=1e-13)
    assert Reach("x", None, "h", 0.1 ** np.arange(400.0)).decay == pytest.approx(0.1, rel=1e-13)  # 1e-399 is zero


def test_every_cell_is_measured_on_the_same_text_and_the_lstms_differ_in_their_forget_bias_alone():
    text = "the river that forgot"
    found = {(r.cell, r.forget_bias, r.of): r.norms for r in reach_on_text(text, H, seed=3)}
    assert list(found) == [
        ("rnn_tanh", None, "h"),
        ("gru", None, "h"),
        *(("lstm", bias, of) for bias in BIASES for of in "hcf"),
    ]
    characters = sorted(set(text))
    xs = np.eye(len(characters))[[characters.index(c) for c in text]][:, None]
    p = LSTM.initial_parameters(np.random.default_rng(3), len(characters), H)  # its forget bias is 1
    zeros = State(np.zeros((1, H)), np.zeros((1, H)))
    for n, J in enumerate(state_jacobians(LSTM, p, zeros, xs)):
        assert found["lstm", 1.0, "h"][n] == np.linalg.norm(J.h.h[0], 2)
        assert found["lstm", 1.0, "c"][n] == np.linalg.norm(J.c.c[0], 2)
    for bias in BIASES:
        assert found["lstm", bias, "c"][1] == pytest.approx(found["lstm", bias, "f"][1], rel=1e-14)
    kept = [found["lstm", bias, "f"][-1] for bias in BIASES]
    assert kept == sorted(kept)


def test_a_state_read_after_padding_is_the_classifiers_own_reading_of_it():
    text, seed = "gates", 5
    found = after_padding(text, H, seed)
    assert [r.forget_bias for r in found] == [0, 1]
    characters = sorted(set(text))
    ids = 1 + np.array([[characters.index(c)] for c in text])
    params = classifier.initial_parameters(np.random.default_rng(seed), len(characters) + 1, H, H, 2)
    for r, bias in zip(found, (0, 1), strict=True):
        split_gates(params.cell.b)[1][:] = bias
        assert r.left[0] == 1
        for n, read in ((0, "end"), (50, "padding")):
            padded = classifier.Batch(np.pad(ids, ((0, n), (0, 0))), np.array([len(ids)]), np.array([0]))
            by_character = partial(classifier.gradient_by_character, batch=padded, read=read)
            norm = traced(by_character, params)[len(ids) - 1, 0]
            assert r.norms[PADDINGS.index(n)] == pytest.approx(float(norm), rel=1e-11)


def test_bad_shapes_are_said_at_once():
    problem = an_ordinary_problem(LSTM, SIZES)
    p, initial, xs = problem.arguments
    with pytest.raises(BadInput, match="xs must be time-major"):
        next(state_jacobians(LSTM, p, initial, xs[0]))
    with pytest.raises(BadInput, match="two distinct characters"):
        reach_on_text("aaa", H)
