"""Classifier and tagger: their gradients on larger batches against autodiff, and their other properties."""

import jax
import numpy as np
import pytest
from helpers import assert_autodiffs

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput
from lstm_ref.models import classifier, tagger

T, B, V, D, H, K = 9, 4, 7, 3, 5, 4
LENGTHS = np.array([9, 4, 1, 7])


def drawn(params, rng):
    """All of them random, biases as well."""
    return jax.tree.map(lambda v: rng.standard_normal(v.shape) / 2, params)


@pytest.mark.parametrize("cell", ["lstm", "gru", "slstm"])
@pytest.mark.parametrize("read", ["end", "mean", "padding", "flat"])
@pytest.mark.parametrize("outputs", [1, K])
def test_the_classifiers_gradients_are_autodiffs(read, outputs, cell):
    rng, cell = np.random.default_rng(0), CELLS[cell]
    steps = T if read == "flat" else 1
    params = drawn(classifier.initial_parameters(rng, V, D, H, outputs, steps, cell), rng)
    if cell.name == "slstm":  # its output has NH numbers
        params = params._replace(head=type(params.head)(np.tile(params.head.w, (2, 1)), params.head.b))
    batch = classifier.Batch(rng.integers(0, V, (T, B)), LENGTHS, rng.integers(0, max(outputs, 2), B))
    forward = lambda p: classifier.forward(p, batch, read, cell)  # noqa: E731
    assert_autodiffs(forward, lambda p: classifier.backward(p, batch, forward(p)[1], read, cell), params)


@pytest.mark.parametrize("read", ["end", "max", "attention"])
def test_the_classifiers_gradients_in_both_directions_are_autodiffs(read):
    rng = np.random.default_rng(0)
    A = 2 if read == "attention" else 0
    params = drawn(classifier.initial_parameters(rng, V, D, H, K, both=True, A=A), rng)
    batch = classifier.Batch(rng.integers(0, V, (T, B)), LENGTHS, rng.integers(0, K, B))
    forward = lambda p: classifier.forward(p, batch, read)  # noqa: E731
    assert_autodiffs(forward, lambda p: classifier.backward(p, batch, forward(p)[1], read), params)


@pytest.mark.parametrize("chain", [False, True], ids=["softmax", "crf"])
def test_the_taggers_gradients_are_autodiffs(chain):
    rng = np.random.default_rng(0)
    params = drawn(tagger.initial_parameters(rng, V, D, H, K, chain), rng)
    batch = tagger.Batch(rng.integers(0, V, (T, B)), LENGTHS, rng.integers(0, K, (T, B)))
    forward = lambda p: tagger.forward(p, batch)  # noqa: E731
    assert_autodiffs(forward, lambda p: tagger.backward(p, batch, forward(p)[1]), params)


def test_after_the_padding_the_gradient_of_the_text_has_vanished():
    """What the tutorials' way of reading the state costs: 60 steps of padding after a text of ten characters, with a
    forget gate at one half and no way back but the cell state's: 0.5^60."""
    rng = np.random.default_rng(0)
    params = classifier.initial_parameters(rng, V, D, H, 2)
    params.cell.b[:], params.cell.w_h[:], params.embedding[0] = 0, 0, 0
    ids = np.concatenate((rng.integers(1, V, (10, B)), np.zeros((60, B), int)))
    batch = classifier.Batch(ids, np.full(B, 10), rng.integers(0, 2, B))
    with x64():
        params = jax.tree.map(jax.numpy.asarray, params)
        end, padding = (
            np.asarray(classifier.gradient_by_character(params, batch, read)) for read in ("end", "padding")
        )
    assert np.all(padding[9] < 1e-15 * end[9])
    assert np.all(end[10:] == 0)
    assert np.all(end[9] > 0)


def test_probabilities_add_up_to_one():
    rng = np.random.default_rng(0)
    batch = classifier.Batch(rng.integers(0, V, (T, B)), LENGTHS, None)
    for outputs, columns in ((1, 2), (3, 3)):
        params = classifier.initial_parameters(rng, V, D, H, outputs)
        given = np.asarray(classifier.predict(params, batch))
        assert given.shape == (B, columns)
        assert np.allclose(given.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("chain", [False, True], ids=["softmax", "crf"])
def test_a_tagger_learns_a_few_sentences_by_heart(chain):
    import optax

    rng = np.random.default_rng(0)
    ids, tags = rng.integers(0, V, (T, B)), rng.integers(0, K, (T, B))
    batch = tagger.Batch(ids, LENGTHS, tags)
    params = jax.tree.map(np.float32, tagger.initial_parameters(rng, V, 8, 16, K, chain))
    optimizer = optax.adam(0.02)

    @jax.jit
    def update(params, state):
        gradients = tagger.backward(params, batch, tagger.forward(params, batch)[1])
        moves, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, moves), state

    state = optimizer.init(params)
    for _ in range(150):
        params, state = update(params, state)
    found = tagger.predict(params, batch)
    real = np.arange(T)[:, None] < LENGTHS
    assert np.all(found[~real] == -1)
    assert np.mean(found[real] == tags[real]) == 1


def test_bad_input_is_said_at_once():
    rng = np.random.default_rng(0)
    params = classifier.initial_parameters(rng, V, D, H, 2)
    batch = classifier.Batch(np.full((T, B), V), LENGTHS, np.zeros(B, int))
    with pytest.raises(BadInput, match="read must be one of end, mean, max, attention, padding, flat, got 'start'"):
        classifier.forward(params, batch, "start")
    with pytest.raises(BadInput, match="the parameters have no score, which reading by attention needs"):
        classifier.forward(params, batch._replace(ids=0 * batch.ids), "attention")
    with pytest.raises(BadInput, match=r"ids must lie in 0\.\.6"):
        classifier.forward(params, batch)
