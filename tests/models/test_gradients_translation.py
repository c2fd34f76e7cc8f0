"""Translation: complete gradients against autodiff, decoding against enumeration, and learning to reverse words."""

import itertools

import jax
import numpy as np
import optax
import pytest
from helpers import assert_autodiffs

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput
from lstm_ref.models import translation
from lstm_ref.models.translation import Batch

V, K, D, H = 5, 4, 3, 4
BEGIN, END = 0, 1


def drawn(additive, seed=0):
    rng = np.random.default_rng(seed)
    params = translation.initial_parameters(rng, V, K, D, H, additive)
    return jax.tree.map(lambda v: rng.standard_normal(v.shape), params)


def of_texts(sources, targets):
    """A batch of lists of symbols, the targets without their end."""
    S, T, B = max(map(len, sources)), max(map(len, targets)) + 1, len(sources)
    source, inputs, ends = np.zeros((S, B), int), np.full((T, B), BEGIN), np.full((T, B), END)
    for n, (one, other) in enumerate(zip(sources, targets, strict=True)):
        source[: len(one), n] = one
        inputs[1 : len(other) + 1, n] = other
        ends[: len(other), n] = other
    return Batch(source, np.array([*map(len, sources)]), inputs, ends, np.array([len(t) + 1 for t in targets]))


@pytest.mark.parametrize("additive", [True, False], ids=["additive", "dot"])
def test_the_gradients_are_autodiffs(additive):
    batch = of_texts([[1, 2, 3, 4], [2], [4, 4]], [[2, 3], [3, 3, 2], []])
    forward = lambda p: translation.forward(p, batch)  # noqa: E731
    assert_autodiffs(forward, lambda p: translation.backward(p, batch, forward(p)[1]), drawn(additive))


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_finds_the_best_of_all_translations(seed):
    """Of all texts of at most two symbols, each with its end; the beam is wide enough to hold them."""
    params, source = drawn(True, seed), [1, 3, 2]
    texts = [list(t) for n in range(3) for t in itertools.product([0, 2, 3], repeat=n)]
    with x64():
        params = jax.tree.map(jax.numpy.asarray, params)
        scores = [-float(translation.forward(params, of_texts([source], [t]), reduction="sum")[0]) for t in texts]
        found = translation.beam(params, np.array(source), BEGIN, END, 3, width=len(texts))
        best = texts[int(np.argmax(scores))]
    ended = [(score, text) for score, text in found if len(text) <= 2]
    assert ended[0][1] == best
    assert np.isclose(ended[0][0], max(scores), rtol=1e-10)


def test_a_beam_of_one_is_greedy():
    with x64():
        params = jax.tree.map(jax.numpy.asarray, drawn(False))
        found = translation.greedy(params, np.array([[1], [2], [4]]), np.array([3]), BEGIN, END, 4)[:, 0].tolist()
        (_, text), *_ = translation.beam(params, np.array([1, 2, 4]), BEGIN, END, 4, width=1)
    assert text == (found[: found.index(END)] if END in found else found)


def test_it_learns_to_turn_words_round():
    rng = np.random.default_rng(0)
    symbols = 6

    def texts(number):
        words = [rng.integers(2, symbols, rng.integers(1, 5)).tolist() for _ in range(number)]
        return words, [word[::-1] for word in words]

    params = jax.tree.map(np.float32, translation.initial_parameters(rng, symbols, symbols, 16, 32))
    optimizer = optax.adam(1e-2)

    @jax.jit
    def update(params, state, batch):
        gradients = translation.backward(params, batch, translation.forward(params, batch)[1])
        moves, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, moves), state

    state = optimizer.init(params)
    for _ in range(250):
        sources, targets = texts(63)
        batch = of_texts([*sources, [2] * 4], [*targets, [2] * 4])  # every batch of one shape
        params, state = update(params, state, batch)
    sources, targets = texts(200)
    batch = of_texts(sources, targets)
    found = translation.greedy(params, batch.source, batch.source_lengths, BEGIN, END, 6)
    right = [found[: len(t), n].tolist() == t and found[len(t), n] == END for n, t in enumerate(targets)]
    assert np.mean(right) > 0.99


def test_bad_input_is_said_at_once():
    params = drawn(True)
    with pytest.raises(BadInput, match="room for at least one symbol, got steps=0"):
        translation.greedy(params, np.array([[1]]), np.array([1]), BEGIN, END, 0)
    with pytest.raises(BadInput, match="a beam must be at least 1 wide, got 0"):
        translation.beam(params, np.array([1]), BEGIN, END, 3, width=0)
