"""The hidden Markov model: its gradient for any values, and its properties, by enumeration and by hand."""

import itertools

import jax
import numpy as np
import pytest
from helpers import assert_autodiffs, assert_backward_is_right
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.arithmetic.balls import as_balls, midpoints, precision
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput
from lstm_ref.models import hmm
from lstm_ref.strategies import arrays_like

T, B, K, V = 4, 3, 2, 5
LENGTHS = np.array([4, 1, 3])
PADDING = np.arange(T)[:, None] >= LENGTHS
SHAPES = (K,), (K, K), (K, V)


def parameters(dtype=np.float64):
    """Of any values."""
    each = (arrays_like(shape, dtype, ("ordinary", "zero", "tiny", "repeated")) for shape in SHAPES)
    return st.tuples(*each).map(lambda scores: hmm.Params(*scores))


def models():
    """Parameters and symbols."""
    symbols = st.lists(st.integers(0, V - 1), min_size=T * B, max_size=T * B)
    return st.tuples(parameters(), symbols.map(lambda ids: np.array(ids).reshape(T, B)))


def an_ordinary_model(seed=0):
    rng = np.random.default_rng(seed)
    return hmm.Params(*(rng.standard_normal(shape) for shape in SHAPES)), rng.integers(0, V, (T, B))


def joint(params, symbols, tags):
    """p(symbols, tags) of one sequence, spelled out. HM1 HM2"""
    start, transitions, emissions = (np.exp(v) / np.exp(v).sum(-1, keepdims=True) for v in params)
    pairs = np.prod([transitions[i, j] for i, j in itertools.pairwise(tags)])
    return start[tags[0]] * pairs * np.prod([emissions[k, v] for k, v in zip(tags, symbols, strict=True)])


def every(steps):
    return list(itertools.product(range(K), repeat=steps))


def sequences(ids):
    """Row number and real symbols of each sequence."""
    return [(n, ids[:steps, n]) for n, steps in enumerate(LENGTHS)]


# ------------------------------------------------------------------------------------------------------- gradients


SYMBOLS = np.array([[0, 3, 2], [2, 2, 2], [2, 0, 4], [3, 1, 0]])
"""Of five, one four times and one in the padding alone. In one place, so that JAX compiles once."""


def outputs(params):
    return hmm.forward(params, SYMBOLS, LENGTHS)[0]


def backward(params, loss_bar):
    return hmm.backward(params, hmm.forward(params, SYMBOLS, LENGTHS)[1], loss_bar)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
@given(data=st.data())
def test_the_gradient_is_expected_counts_less_what_the_rows_would_give(dtype, data):
    """HM1* HM2* HM3* HM4*"""
    assert_backward_is_right(backward, outputs, data.draw(parameters(dtype)), np.asarray(1.5, dtype), dtype)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_on_a_larger_batch_the_gradient_is_autodiffs_to_eleven_digits(reduction):
    rng = np.random.default_rng(0)
    T, B, K, V = 30, 7, 5, 11
    params = hmm.Params(*(rng.standard_normal(shape) for shape in ((K,), (K, K), (K, V))))
    ids, lengths = rng.integers(0, V, (T, B)), np.array([30, 1, 12, 29, 2, 30, 7])
    forward = lambda p: hmm.forward(p, ids, lengths, reduction)  # noqa: E731
    assert_autodiffs(forward, lambda p: hmm.backward(p, forward(p)[1]), params)


def test_where_symbols_and_lengths_are_traced_the_result_is_the_same():
    params, ids = an_ordinary_model()
    with x64():
        traced = jax.jit(lambda *read: hmm.backward(read[0], hmm.forward(*read)[1]))(params, ids, LENGTHS)
    for mine, theirs in zip(hmm.backward(params, hmm.forward(params, ids, LENGTHS)[1]), traced, strict=True):
        assert np.allclose(mine, theirs, rtol=1e-12, atol=1e-14)


# --------------------------------------------------------------------------------------------------------- meaning


@given(model=models())
def test_the_loss_is_that_of_all_sequences_of_tags_enumerated(model):
    """HM1 HM2 HM3 HM4"""
    params, ids = model
    expected = -sum(np.log(sum(joint(params, xs, tags) for tags in every(len(xs)))) for _, xs in sequences(ids))
    assert np.isclose(hmm.forward(params, ids, LENGTHS, "sum")[0], expected, rtol=1e-12)
    assert np.isclose(hmm.forward(params, ids, LENGTHS)[0], expected / B, rtol=1e-12)


def test_in_balls_the_probabilities_of_all_sequences_of_symbols_add_up_to_one():
    params, _ = an_ordinary_model()
    texts = np.array(list(itertools.product(range(V), repeat=3))).T
    with precision(60):
        exact = jax.tree.map(as_balls, params)
        total = sum(np.exp(-as_balls(hmm.forward(exact, text[:, None])[0])) for text in texts.T)
        assert abs(midpoints(total - 1)) < 1e-50


@given(model=models())
def test_viterbi_finds_the_most_probable_tags(model):
    params, ids = model
    found = hmm.decode(params, ids, LENGTHS)
    assert np.all(found[PADDING] == -1)
    for n, xs in sequences(ids):
        best = max(joint(params, xs, tags) for tags in every(len(xs)))
        assert np.isclose(joint(params, xs, found[: len(xs), n]), best, rtol=1e-12)


@given(model=models())
def test_marginals_are_shares_of_all_sequences_of_tags(model):
    params, ids = model
    found = hmm.marginals(params, ids, LENGTHS)
    assert np.all(found[PADDING] == 0)
    for n, xs in sequences(ids):
        weights = np.array([joint(params, xs, tags) for tags in every(len(xs))])
        shares = np.einsum("n,ntk->tk", weights / weights.sum(), np.eye(K)[np.array(every(len(xs)))])
        assert np.allclose(found[: len(xs), n], shares, atol=1e-12)


@given(model=models())
def test_a_step_of_baum_and_welch_never_lowers_the_likelihood(model):
    params, ids = model
    loss, tape = hmm.forward(params, ids, LENGTHS)
    for _ in range(5):
        params = hmm.Params(*(np.log(n + 1e-300) for n in hmm.expected(params, tape)))
        before, (loss, tape) = loss, hmm.forward(params, ids, LENGTHS)
        assert loss <= before + 1e-12


@given(model=models())
def test_against_the_gradient_the_loss_goes_down(model):
    params, ids = model
    loss, tape = hmm.forward(params, ids, LENGTHS)
    lower = jax.tree.map(lambda v, v_bar: v - 0.01 * v_bar, params, hmm.backward(params, tape))
    assert hmm.forward(lower, ids, LENGTHS)[0] <= loss + 1e-12


def test_the_fit_is_the_counts_by_hand():
    ids, tags = np.array([[0, 4], [1, 9], [0, 9]]), np.array([[0, 1], [1, -1], [1, -1]])
    fitted = hmm.fit(ids, np.array([3, 1]), tags, V, K, smoothing=0.25)
    start, transitions, emissions = (np.exp(v) for v in fitted)
    assert np.allclose(start, [1.25 / 2.5, 1.25 / 2.5], rtol=1e-15)
    assert np.allclose(transitions, [[0.25 / 1.5, 1.25 / 1.5], [0.25 / 1.5, 1.25 / 1.5]], rtol=1e-15)
    assert np.allclose(
        emissions,
        [np.array([1.25, 0.25, 0.25, 0.25, 0.25]) / 2.25, np.array([1.25, 1.25, 0.25, 0.25, 1.25]) / 4.25],
        rtol=1e-15,
    )


def test_a_model_fitted_to_the_tags_of_another_is_that_other():
    """20,000 tags and symbols drawn: what is estimated is within four standard errors of what they were drawn from."""
    rng, N = np.random.default_rng(0), 20_000
    start, transitions, emissions = (np.exp(v) / np.exp(v).sum(-1, keepdims=True) for v in an_ordinary_model()[0])
    tags = [rng.choice(K, p=start)]
    for _ in range(N - 1):
        tags.append(rng.choice(K, p=transitions[tags[-1]]))
    ids = np.array([rng.choice(V, p=emissions[k]) for k in tags])
    fitted = hmm.fit(ids[:, None], None, np.array(tags)[:, None], V, K, smoothing=1e-3)
    seen = np.bincount(tags)[:, None]
    for found, right in ((fitted.transitions, transitions), (fitted.emissions, emissions)):
        assert np.all(np.abs(np.exp(found) - right) <= 4 * np.sqrt(right * (1 - right) / seen))


def test_what_stands_in_the_padding_is_not_read():
    params, ids = an_ordinary_model()
    tags = ids % K
    other, other_tags = np.where(PADDING, 99, ids), np.where(PADDING, -7, tags)
    loss, tape = hmm.forward(params, ids, LENGTHS)
    again, again_tape = hmm.forward(params, other, LENGTHS)
    assert again == loss
    assert np.array_equal(hmm.decode(params, ids, LENGTHS), hmm.decode(params, other, LENGTHS))
    for mine, theirs in (
        (hmm.backward(params, tape), hmm.backward(params, again_tape)),
        (hmm.fit(ids, LENGTHS, tags, V, K), hmm.fit(other, LENGTHS, other_tags, V, K)),
    ):
        assert all(map(np.array_equal, mine, theirs))


def test_more_padding_changes_nothing():
    params, ids = an_ordinary_model()
    loss, tape = hmm.forward(params, ids, LENGTHS)
    longer, longer_tape = hmm.forward(params, np.concatenate((ids, ids)), LENGTHS)
    assert longer == loss
    assert all(map(np.allclose, hmm.backward(params, tape), hmm.backward(params, longer_tape)))


def test_texts_of_a_thousand_symbols_do_not_underflow():
    params, _ = an_ordinary_model()
    ids = np.random.default_rng(0).integers(0, V, (1000, 1))
    loss, tape = hmm.forward(params, ids)
    assert 1000 < loss < 5000
    assert np.isclose(hmm.expected(params, tape).emissions.sum(), 1000)


# ------------------------------------------------------------------------------------------------------- bad input


IDS = np.zeros((2, 1), int)


def loss_of(ids=IDS, lengths=None, shapes=SHAPES, reduction="mean"):
    return hmm.forward(hmm.Params(*map(np.zeros, shapes)), ids, lengths, reduction)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loss_of(np.zeros(2, int)), r"ids must be \(T, B\), T >= 1, got \(2,\)"),
        (lambda: loss_of(np.zeros((0, 1), int)), r"ids must be \(T, B\), T >= 1"),
        (lambda: loss_of(np.zeros((2, 1))), r"ids must be integers \(2, 1\), got float64"),
        (lambda: loss_of(np.full((2, 1), V)), r"ids must lie in 0\.\.4, got 5\.\.5"),
        (lambda: loss_of(np.full((2, 1), -1)), r"ids must lie in 0\.\.4, got -1"),
        (lambda: loss_of(lengths=np.array([0])), "at least one step"),
        (lambda: loss_of(lengths=np.array([3])), r"lengths must lie in 0\.\.2, got 3"),
        (lambda: loss_of(lengths=np.array([1.0])), "lengths must be integers, got float64"),
        (lambda: loss_of(lengths=np.array([1, 2])), r"lengths must have shape \(1,\)"),
        (
            lambda: loss_of(shapes=((K,), (K, K), (V, K))),
            r"\(K,\), \(K, K\) and \(K, V\), got \(2,\), \(2, 2\), \(5, 2\)",
        ),
        (lambda: loss_of(shapes=((K,), (K, K), ())), r"\(K,\), \(K, K\) and \(K, V\), got"),
        (lambda: loss_of(reduction="max"), "reduction must be"),
        (lambda: hmm.fit(IDS, None, np.full((2, 1), K), V, K), r"tags must lie in 0\.\.1, got 2"),
        (lambda: hmm.fit(IDS, None, np.zeros((2, 2), int), V, K), r"tags must be integers \(2, 1\)"),
        (lambda: hmm.fit(IDS, None, IDS, V, K, smoothing=0), "smoothing must be positive and finite, got 0"),
        (lambda: hmm.decode(hmm.Params(*map(np.zeros, SHAPES)), np.full((2, 1), V)), "ids must lie in"),
    ],
)
def test_bad_input_is_said_at_once(call, message):
    with pytest.raises(BadInput, match=message):
        call()
