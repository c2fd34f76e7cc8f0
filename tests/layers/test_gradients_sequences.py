"""Embedding, attention and the conditional random field: at their edge cases, and for arbitrary values."""

import itertools

import jax
import numpy as np
import pytest
from helpers import assert_backward_is_right
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.arithmetic.balls import as_balls, midpoints, precision
from lstm_ref.errors import BadInput
from lstm_ref.layers import attention, crf, embedding
from lstm_ref.strategies import arrays_like

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
KINDS = ("ordinary", "zero", "tiny", "repeated")


# ------------------------------------------------------------------------------------------------------- embedding


@both_dtypes
@given(data=st.data())
def test_a_row_gets_the_sum_of_what_all_its_places_got(dtype, data):
    """EM1*"""
    table = data.draw(arrays_like((5, 3), dtype, KINDS))
    ids = np.array(data.draw(st.lists(st.integers(0, 4), min_size=6, max_size=6))).reshape(2, 3)
    bar = data.draw(arrays_like((2, 3, 3), dtype, KINDS))
    outputs = lambda inputs: embedding.forward(inputs["table"], ids)[0]  # noqa: E731
    backward = lambda inputs, bar: {"table": embedding.backward(inputs["table"], embedding.Tape(ids), bar)}  # noqa: E731
    assert_backward_is_right(backward, outputs, {"table": table}, bar, dtype)


# ------------------------------------------------------------------------------------------------------- attention


@both_dtypes
@pytest.mark.parametrize("kind", ["additive", "dot"])
@given(data=st.data())
def test_attention_for_any_values_and_masks(kind, dtype, data):
    """AT1* AT2* AT3*"""
    B, T, S, H, A = 2, 2, 4, 3, 5
    draw = lambda *shape: data.draw(arrays_like(shape, dtype, KINDS))  # noqa: E731
    p = attention.Additive(draw(H, A), draw(H, A), draw(A)) if kind == "additive" else None
    real = np.array(data.draw(st.lists(st.booleans(), min_size=B * S, max_size=B * S))).reshape(B, S)
    real[:, 0] = True
    inputs = {"p": p, "queries": draw(B, T, H), "keys": draw(B, S, H)}
    assert_backward_is_right(attention_backward, contexts, inputs, draw(B, T, H), dtype, real)


def contexts(inputs, real):
    return attention.forward(inputs["p"], inputs["queries"], inputs["keys"], real)[0]


def attention_backward(inputs, bar, real):
    _, tape = attention.forward(inputs["p"], inputs["queries"], inputs["keys"], real)
    return dict(zip(("p", "queries", "keys"), attention.backward(inputs["p"], tape, bar), strict=True))


def test_scores_beyond_what_exp_can_hold_and_masked_ones_do_no_harm():
    keys = np.array([[[1000.0], [-1000.0], [5000.0]]])
    real = np.array([[True, True, False]])
    context, tape = attention.forward(None, np.array([[[1.0]]]), keys, real)
    assert context[0, 0, 0] == 1000.0
    assert tape.weights.tolist() == [[[1.0, 0.0, 0.0]]]


# ------------------------------------------------------------------------------------- the conditional random field


def score(p, emissions, tags):
    """Of one sequence, spelled out. CR4"""
    inner = sum(emissions[t, k] for t, k in enumerate(tags))
    pairs = sum(p.transitions[a, b] for a, b in itertools.pairwise(tags))
    return p.start[tags[0]] + inner + pairs + p.end[tags[-1]]


def every(K, steps):
    return list(itertools.product(range(K), repeat=steps))


LENGTHS = np.array([4, 1, 3])


@st.composite
def chains(draw, dtype=np.float64):
    T, B, K = 4, 3, 3
    p = crf.Params(*(draw(arrays_like(shape, dtype, KINDS)) for shape in ((K, K), (K,), (K,))))
    emissions = draw(arrays_like((T, B, K), dtype, KINDS))
    tags = np.array(draw(st.lists(st.integers(0, K - 1), min_size=T * B, max_size=T * B))).reshape(T, B)
    return p, emissions, tags


@given(chain=chains())
def test_the_loss_is_that_of_all_sequences_enumerated(chain):
    """CR1 CR2 CR3 CR5"""
    p, emissions, tags = chain
    expected = 0.0
    for n, steps in enumerate(LENGTHS):
        scores = [score(p, emissions[:, n], one) for one in every(3, steps)]
        expected += np.logaddexp.reduce(scores) - score(p, emissions[:, n], tags[:steps, n])
    assert np.isclose(crf.forward(p, emissions, tags, LENGTHS, "sum")[0], expected, rtol=1e-12, atol=1e-12)
    assert np.isclose(crf.forward(p, emissions, tags, LENGTHS)[0], expected / 3, rtol=1e-12, atol=1e-12)


@both_dtypes
@given(data=st.data())
def test_the_gradient_is_what_is_expected_less_what_is_observed(dtype, data):
    """CR1* CR2* CR3* CR4* CR5*"""
    p, emissions, tags = data.draw(chains(dtype))
    inputs = {"p": p, "emissions": emissions}
    assert_backward_is_right(crf_backward, crf_loss, inputs, np.asarray(1.5, dtype), dtype, tags)


def crf_loss(inputs, tags):
    return crf.forward(inputs["p"], inputs["emissions"], tags, LENGTHS)[0]


def crf_backward(inputs, bar, tags):
    _, tape = crf.forward(inputs["p"], inputs["emissions"], tags, LENGTHS)
    return dict(zip(("p", "emissions"), crf.backward(inputs["p"], tape, bar), strict=True))


@given(chain=chains())
def test_viterbi_finds_the_best_of_all_sequences(chain):
    p, emissions, _ = chain
    found = crf.decode(p, emissions, LENGTHS)
    for n, steps in enumerate(LENGTHS):
        assert np.all(found[steps:, n] == -1)
        best = max(score(p, emissions[:, n], one) for one in every(3, steps))
        assert np.isclose(score(p, emissions[:, n], found[:steps, n]), best, rtol=1e-12, atol=1e-12)


@given(chain=chains())
def test_marginals_are_probabilities_and_padding_has_none(chain):
    p, emissions, tags = chain
    _, tape = crf.forward(p, emissions, tags, LENGTHS)
    mu = crf.marginals(p, tape)
    real = np.arange(4)[:, None] < LENGTHS
    assert np.allclose(mu.sum(-1), real, atol=1e-12)
    assert np.all(mu >= -1e-12)


def test_what_stands_in_the_padding_is_not_read():
    rng = np.random.default_rng(0)
    p = crf.initial_parameters(rng, 3)
    emissions, tags = rng.standard_normal((4, 3, 3)), rng.integers(0, 3, (4, 3))
    loss, tape = crf.forward(p, emissions, tags, LENGTHS)
    padding = np.arange(4)[:, None] >= LENGTHS
    emissions[padding], tags[padding] = 1e3, -7
    again, again_tape = crf.forward(p, emissions, tags, LENGTHS)
    assert again == loss
    for mine, other in zip(
        jax.tree.leaves(crf.backward(p, tape)), jax.tree.leaves(crf.backward(p, again_tape)), strict=True
    ):
        assert np.array_equal(mine, other)


def test_in_balls_the_probabilities_of_all_sequences_add_up_to_one():
    rng = np.random.default_rng(0)
    p, emissions = crf.initial_parameters(rng, 3), rng.standard_normal((3, 1, 3))
    with precision(60):
        exact = jax.tree.map(as_balls, (p, emissions))
        losses = [crf.forward(*exact, np.array(one)[:, None])[0] for one in every(3, 3)]
        total = sum(np.exp(-as_balls(loss)) for loss in losses)
        assert abs(midpoints(total - 1)) < 1e-50


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embedding.forward(np.zeros((3, 2)), np.array([0.0])), "ids must be integers, got float64"),
        (lambda: embedding.forward(np.zeros((3, 2)), np.array([0, 3])), "ids must lie in 0..2, got 0..3"),
        (lambda: embedding.forward(np.zeros((3, 2)), np.array([-1])), "ids must lie in 0..2, got -1"),
        (lambda: crf_of(np.zeros((2, 1, 4)), np.zeros((2, 1), int)), "emissions must be .T, B, 3."),
        (lambda: crf_of(np.zeros((0, 1, 3)), np.zeros((0, 1), int)), "T >= 1"),
        (lambda: crf_of(np.zeros((2, 1, 3)), np.zeros((2, 2), int)), "tags must be integers .2, 1."),
        (lambda: crf_of(np.zeros((2, 1, 3)), np.full((2, 1), 3)), "tags must lie in 0..2, got 3"),
        (lambda: crf_of(np.zeros((2, 1, 3)), np.zeros((2, 1), int), np.array([0])), "at least one step"),
        (lambda: attention.forward(None, np.zeros((2, 1, 3)), np.zeros((2, 4))), "keys .B, S, H."),
        (lambda: attention.forward(None, np.zeros((2, 1, 3)), np.zeros((2, 4, 5))), "sizes 5 and 5, got 3 and 5"),
        (lambda: attention.forward(None, np.zeros((2, 1, 3)), np.zeros((2, 4, 3)), np.ones((4, 2))), "bools .2, 4."),
    ],
)
def test_bad_input_is_said_at_once(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def crf_of(emissions, tags, lengths=None):
    return crf.forward(crf.Params(np.zeros((3, 3)), np.zeros(3), np.zeros(3)), emissions, tags, lengths)
