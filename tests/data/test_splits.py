"""Which examples are held out, and the order of the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.data.splits import POOL, batch_of_step, held_out

seeds = st.integers(0, 2**32)
many_lengths = st.lists(st.integers(0, 9), min_size=1, max_size=120).map(np.array)


def epoch_of(lengths, batch, seed=0, epoch=0):
    """The batches of an epoch, integers (steps, batch)."""
    steps = len(lengths) // min(batch, len(lengths))
    return np.array([batch_of_step(lengths, batch, seed, epoch * steps + n) for n in range(steps)])


# ------------------------------------------------------------------------------------------------------- held out


@given(st.lists(st.sampled_from("abc"), max_size=40), st.floats(0, 1), seeds)
def test_of_every_label_the_nearest_number_to_its_share_is_held_out_but_not_none_or_all(labels, share, seed):
    out = held_out(labels, share, seed)
    assert out.shape == (len(labels),)
    for label in set(labels):
        of_label = out[np.array(labels) == label]
        held, n = of_label.sum(), len(of_label)
        if n == 1:
            assert held == 0
        else:
            assert 1 <= held <= n - 1
            assert abs(held - share * n) <= 0.5 or held == (1 if share * n < 1 else n - 1)


def test_what_is_held_out_is_a_function_of_the_seed():
    one, again, other = (held_out("ab" * 50, 0.3, seed).tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_every_example_can_be_held_out():
    assert np.any([held_out("aaabbbbb", 0.3, seed) for seed in range(100)], axis=0).all()


# -------------------------------------------------------------------------------------------------------- batches


@given(many_lengths, st.integers(1, 130), seeds, st.integers(0, 3))
def test_an_epoch_uses_no_example_twice_and_leaves_out_less_than_a_batch(lengths, batch, seed, epoch):
    used = epoch_of(lengths, batch, seed, epoch)
    N, batch = len(lengths), min(batch, len(lengths))
    assert used.shape == (N // batch, batch)
    assert len(set(used.ravel().tolist())) == N - N % batch
    assert used.min() >= 0
    assert used.max() < N


@given(many_lengths, st.integers(1, 9), seeds, st.permutations(range(8)))
def test_a_batch_is_a_function_of_seed_and_step_whatever_was_asked_before(lengths, batch, seed, steps):
    found = {step: batch_of_step(lengths, batch, seed, step).tolist() for step in steps}
    assert all(batch_of_step(lengths, batch, seed, step).tolist() == found[step] for step in range(8))


def test_another_seed_and_another_epoch_have_another_order():
    lengths = np.ones(40, int)
    orders = [epoch_of(lengths, 4, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(a != b for n, a in enumerate(orders) for b in orders[:n])


@pytest.mark.parametrize("batch, N", [(4, 4 * POOL), (3, 12), (5, 5)])
def test_of_a_pool_like_lengths_come_together(batch, N):
    lengths = np.random.default_rng(0).integers(0, 30, N)
    found = sorted(np.sort(lengths[places]).tolist() for places in epoch_of(lengths, batch))
    np.testing.assert_array_equal(np.concatenate(found), np.sort(lengths))


def test_pools_are_drawn_anew_in_every_epoch():
    lengths = np.arange(8 * POOL)
    one, other = (sorted(map(sorted, epoch_of(lengths, 2, epoch=epoch).tolist())) for epoch in (0, 1))
    assert one != other


def test_short_texts_come_neither_first_nor_last():
    lengths = np.arange(24)
    places = {int(np.argmin(epoch_of(lengths, 4, epoch=epoch).min(axis=1))) for epoch in range(60)}
    assert places == set(range(6))


def test_what_was_left_out_is_used_in_another_epoch():
    lengths = np.arange(7)
    assert set(np.concatenate([epoch_of(lengths, 4, epoch=epoch).ravel() for epoch in range(20)])) == set(range(7))
