"""Our cuDNN buffer agrees with jax.experimental.rnn: its own unpacking, outputs and gradients."""

import jax
import numpy as np
import pytest

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.cells.lstm import State
from lstm_ref.errors import BadInput
from lstm_ref.interop.cudnn import flat, layers_of
from lstm_ref.interop.layout import their_gradients
from lstm_ref.through_time.bidirectional import Both

rnn = pytest.importorskip("jax.experimental.rnn", reason="this jax has no experimental.rnn")

D, H, T, B = 3, 4, 6, 2


def layers_drawn(layers, both, seed=0):
    rng = np.random.default_rng(seed)
    one = lambda size: jax.tree.map(  # noqa: E731
        lambda v: rng.standard_normal(v.shape) / 2, lstm.initial_parameters(rng, size, H)
    )
    sizes = [D] + [H * (1 + both)] * (layers - 1)
    return [Both(one(size), one(size)) if both else one(size) for size in sizes]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_buffer_unpacks_to_our_kernels_and_comes_back(layers, both):
    params = layers_drawn(layers, both)
    buffer = flat(params)
    assert buffer.shape == (rnn.get_num_params_in_lstm(D, H, layers, both),)
    W_ih, W_hh, b_ih, _ = rnn.unpack_lstm_weights(buffer, D, H, layers, both)
    each = [p for layer in params for p in (layer if both else (layer,))]
    for k, p in enumerate(each):
        np.testing.assert_array_equal(W_ih[k], p.w_x.T)
        np.testing.assert_array_equal(W_hh[k], p.w_h.T)
        np.testing.assert_array_equal(b_ih[k], p.b)
    for mine, theirs in zip(
        jax.tree.leaves(layers_of(buffer, D, H, layers, both)), jax.tree.leaves(params), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_its_reference_lstm_has_our_outputs_and_its_buffer_our_gradient():
    (p,) = layers_drawn(1, False)
    rng = np.random.default_rng(1)
    xs, h, c = (rng.standard_normal(shape) for shape in ((T, B, D), (B, H), (B, H)))
    bar = rng.standard_normal((T, B, H))
    lengths = np.array([T, 3], np.int32)

    def theirs(buffer):
        unpacked = rnn.unpack_lstm_weights(buffer, D, H, 1, False)
        y, h_n, c_n = rnn.lstm_ref(xs.swapaxes(0, 1), h[None], c[None], *unpacked, lengths, D, H, 1, 0.0, False)
        return y.swapaxes(0, 1), h_n[0], c_n[0]

    outputs, tapes = sequence.loop(lstm, p, State(h, c), xs, lengths)
    zeros = State(0 * h, 0 * c)
    ours = sequence.loop_backward(lstm, p, State(h, c), xs, tapes, sequence.Outputs(bar, zeros), lengths)
    with x64():
        (hs, *final), vjp = jax.vjp(theirs, jax.numpy.asarray(flat([p])))
        (buffer_bar,) = vjp((jax.numpy.asarray(bar), *map(jax.numpy.asarray, zeros)))
    for mine, other in zip((outputs.hs, *outputs.final), (hs, *final), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(flat([ours.params], their_gradients), buffer_bar, rtol=1e-12, atol=1e-14)


def test_a_buffer_of_another_size_is_refused():
    with pytest.raises(BadInput, match=r"of 2 LSTMs with D=3, H=4, both directions has \d+ numbers, got"):
        layers_of(np.zeros(7), D, H, 2, True)
