"""Surprises in torch."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
rnn = torch.nn.utils.rnn


def test_lengths_must_descend_or_enforce_sorted_be_false():
    xs = torch.zeros(6, 2, 3)
    with pytest.raises(RuntimeError, match="sorted"):
        rnn.pack_padded_sequence(xs, torch.tensor([3, 6]))
    rnn.pack_padded_sequence(xs, torch.tensor([3, 6]), enforce_sorted=False)


def test_padding_beyond_the_longest_is_lost_without_total_length():
    packed = rnn.pack_padded_sequence(torch.zeros(6, 2, 3), torch.tensor([4, 3]))
    assert len(rnn.pad_packed_sequence(packed)[0]) == 4
    assert len(rnn.pad_packed_sequence(packed, total_length=6)[0]) == 6


def test_batch_first_leaves_the_states_alone():
    hs, (h, c) = torch.nn.LSTM(3, 5, batch_first=True)(torch.zeros(2, 6, 3))
    assert (*map(tuple, (hs.shape, h.shape, c.shape)),) == ((2, 6, 5), (1, 2, 5), (1, 2, 5))
