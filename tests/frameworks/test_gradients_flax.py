"""Surprises in Flax."""

import jax
import numpy as np
import pytest

linen = pytest.importorskip("flax.linen", reason="flax is not installed")


def test_outputs_in_the_padding_are_not_zero():
    layer, xs = linen.RNN(linen.LSTMCell(5)), np.ones((2, 6, 3), np.float32)
    how = {"seq_lengths": np.array([6, 3]), "return_carry": True}
    variables = layer.init(jax.random.key(0), xs)
    (_, h), hs = layer.apply(variables, xs, **how)
    assert (hs[1, 3:] != 0).all()
    np.testing.assert_array_equal(h[1], hs[1, 2])
