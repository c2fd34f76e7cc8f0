"""Mean, maximum and attention over time: for arbitrary values and lengths, at ties, and what stands in the padding."""

import jax
import numpy as np
import pytest
from helpers import assert_backward_is_right
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.errors import BadInput
from lstm_ref.layers import attention_over_time, max_over_time, mean_over_time
from lstm_ref.strategies import arrays_like

T, B, H, A = 4, 3, 2, 3
LENGTHS = np.array([4, 0, 2])
KINDS = ("ordinary", "zero", "tiny", "repeated")
LAYERS = {"mean": mean_over_time, "max": max_over_time, "attention": attention_over_time}
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def read(inputs):
    """The layer's arguments: the parameters, if it has some, and the sequence."""
    return [inputs[name] for name in ("p", "hs") if name in inputs]


def outputs_of(layer):
    return lambda inputs, lengths: layer.forward(*read(inputs), lengths)[0]


def backward_of(layer):
    def backward(inputs, bar, lengths):
        *params, hs = read(inputs)
        given = layer.backward(*params, layer.forward(*params, hs, lengths)[1], bar)
        return {"p": given[0], "hs": given[1]} if params else {"hs": given}

    return backward


PASSES = {name: (backward_of(layer), outputs_of(layer)) for name, layer in LAYERS.items()}


@both_dtypes
@pytest.mark.parametrize("name", LAYERS)
@given(data=st.data())
def test_the_gradient_is_right_for_any_values_and_lengths(name, dtype, data):
    """PO1* PO2* PO3*"""
    draw = lambda *shape: data.draw(arrays_like(shape, dtype, KINDS))  # noqa: E731
    lengths = np.array(data.draw(st.lists(st.integers(0, T), min_size=B, max_size=B)))
    inputs = {"p": attention_over_time.Additive(draw(1, A), draw(H, A), draw(A))} if name == "attention" else {}
    assert_backward_is_right(*PASSES[name], inputs | {"hs": draw(T, B, H)}, draw(B, H), dtype, lengths)


def drawn(layer, rng):
    p = attention_over_time.initial_parameters(rng, H, A)
    params = [p._replace(w_q=rng.standard_normal((1, A)))] if layer is attention_over_time else []
    return params, rng.standard_normal((T, B, H))


@every_layer
def test_what_stands_in_the_padding_is_not_read_and_gets_no_gradient(layer):
    rng = np.random.default_rng(0)
    params, hs = drawn(layer, rng)
    bar, padding = rng.standard_normal((B, H)), np.arange(T)[:, None] >= LENGTHS.clip(1)
    other = np.where(padding[..., None], 1e6, hs)
    (y, tape), (again, again_tape) = (layer.forward(*params, v, LENGTHS) for v in (hs, other))
    assert np.array_equal(y, again)
    hs_bars = [layer.backward(*params, t, bar) for t in (tape, again_tape)]
    for given_back in [v[1] for v in hs_bars] if params else hs_bars:
        assert np.all(given_back[padding] == 0)
        assert np.all(given_back[0] != 0) or layer is max_over_time


@every_layer
def test_a_row_of_one_step_or_none_is_its_first_step(layer):
    params, hs = drawn(layer, np.random.default_rng(0))
    for lengths in (np.zeros(B, int), np.ones(B, int)):
        np.testing.assert_allclose(layer.forward(*params, hs, lengths)[0], hs[0], rtol=1e-15)


@every_layer
def test_without_lengths_every_step_is_read(layer):
    params, hs = drawn(layer, np.random.default_rng(0))
    all_of_them = layer.forward(*params, hs, np.full(B, T))[0]
    assert np.array_equal(layer.forward(*params, hs)[0], all_of_them)


def test_of_equal_steps_the_first_gets_the_whole_gradient_by_hand_and_by_autodiff():
    hs = np.array([[[1.0]], [[2.0]], [[2.0]], [[0.0]]])
    _, tape = max_over_time.forward(hs)
    assert max_over_time.backward(tape, np.array([[3.0]])).ravel().tolist() == [0, 3, 0, 0]
    autodiff = jax.grad(lambda v: max_over_time.forward(v)[0].sum())(jax.numpy.asarray(hs))
    assert autodiff.ravel().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("hs", "lengths", "says"),
    [
        (np.ones((3, 2)), None, r"hs must be \(T, B, H\), T >= 1, got \(3, 2\)"),
        (np.ones((0, 2, 3)), None, r"hs must be \(T, B, H\), T >= 1, got \(0, 2, 3\)"),
        (np.ones((4, 2, 3)), np.array([5, 1]), r"lengths must lie in 0\.\.4, got 1\.\.5"),
        (np.ones((4, 2, 3)), np.array([1]), r"lengths must have shape \(2,\)"),
    ],
)
def test_bad_input_is_said_at_once(hs, lengths, says):
    for layer in (mean_over_time, max_over_time):
        with pytest.raises(BadInput, match=f"{layer.__name__.rpartition('.')[2]}: {says}"):
            layer.forward(hs, lengths)
    p = attention_over_time.initial_parameters(np.random.default_rng(0), 3, A)
    with pytest.raises(BadInput, match=f"attention_over_time: {says}"):
        attention_over_time.forward(p, hs, lengths)
