"""Our cells are Haiku's: same outputs, same gradients."""

import jax
import pytest
from same import assert_jax_framework, joined, parts, unrolled

from lstm_ref import sequence
from lstm_ref.cells import CELLS

haiku = pytest.importorskip("haiku", reason="haiku is not installed")

VERSION = f"haiku {haiku.__version__}"
H = 4
ORDER = (0, 2, 1, 3)
"""i, g, f, o."""


def step_of(make):
    """(parameters, state, x) -> state, of a Haiku core."""
    transformed = haiku.without_apply_rng(haiku.transform(lambda x, state: make()(x, state)[1]))
    return lambda parameters, state, x: transformed.apply(parameters, x, state)


def reordered(v):
    return joined(*(parts(v, 4)[k] for k in ORDER))


def test_lstm_adds_one_to_its_forget_gate():
    step = step_of(lambda: haiku.LSTM(H))

    def theirs(p, initial, xs):
        linear = {"w": reordered(joined(p.w_x, p.w_h, axis=0)), "b": reordered(p.b)}
        start = haiku.LSTMState(initial.h, initial.c)
        states = unrolled(lambda state, x: step({"lstm/linear": linear}, state, x), start, xs)
        hs = jax.numpy.stack([state.hidden for state in states])
        return sequence.Outputs(hs, type(initial)(states[-1].hidden, states[-1].cell))

    assert_jax_framework(CELLS["lstm_forget_bias"], theirs, VERSION)


def test_gru_resets_before_the_product_and_writes_by_z():
    step = step_of(lambda: haiku.GRU(H))
    zrn = lambda v: joined(*(parts(v, 3)[k] for k in (1, 0, 2)))  # noqa: E731

    def theirs(p, initial, xs):
        parameters = {"gru": {"w_i": zrn(p.w_x), "w_h": zrn(p.w_h), "b": zrn(p.b)}}
        hs = unrolled(lambda h, x: step(parameters, h, x), initial.h, xs)
        return sequence.Outputs(jax.numpy.stack(hs), type(initial)(hs[-1]))

    assert_jax_framework(CELLS["gru_before_swapped"], theirs, VERSION)


def test_vanilla_rnn_is_relu():
    step = step_of(lambda: haiku.VanillaRNN(H, double_bias=False))

    def theirs(p, initial, xs):
        parameters = {"vanilla_rnn/linear": {"w": p.w_x, "b": p.b}, "vanilla_rnn/linear_1": {"w": p.w_h}}
        hs = unrolled(lambda h, x: step(parameters, h, x), initial.h, xs)
        return sequence.Outputs(jax.numpy.stack(hs), type(initial)(hs[-1]))

    assert_jax_framework(CELLS["rnn_relu"], theirs, VERSION)


@pytest.mark.parametrize(("dimensions", "places"), [(1, (4,)), (2, (2, 4))])
def test_convolutional_lstm(dimensions, places):
    core = {1: haiku.Conv1DLSTM, 2: haiku.Conv2DLSTM}[dimensions]
    step, name = step_of(lambda: core((*places, 3), H, 3)), f"conv{dimensions}_dlstm"

    def theirs(p, initial, xs):
        b = p.b.at[H : 2 * H].add(-1)  # to which Haiku adds 1
        parameters = {
            f"{name}/input_to_hidden": {"w": reordered(p.w_x), "b": reordered(b)},
            f"{name}/hidden_to_hidden": {"w": reordered(p.w_h), "b": 0 * b},
        }
        start = haiku.LSTMState(initial.h, initial.c)
        states = unrolled(lambda state, x: step(parameters, state, x), start, xs)
        hs = jax.numpy.stack([state.hidden for state in states])
        return sequence.Outputs(hs, type(initial)(states[-1].hidden, states[-1].cell))

    assert_jax_framework(CELLS[f"conv_lstm_{dimensions}d"], theirs, VERSION)
