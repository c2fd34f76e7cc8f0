"""The character model around its gradients: loss, accuracy, samples."""

from math import log

import jax
import numpy as np
import pytest

from lstm_ref.data.characters import encode
from lstm_ref.errors import BadInput
from lstm_ref.layers import dense
from lstm_ref.models import char_lm


def params_of(V, H, seed=0):
    return jax.tree.map(np.float32, char_lm.initial_parameters(np.random.default_rng(seed), V, H))


def test_the_tutorials_concatenated_kernels_give_the_models_next_state():
    params = char_lm.initial_parameters(np.random.default_rng(1), 5, 3)
    rng = np.random.default_rng(2)
    h, c, x, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), np.eye(5)[[4, 1]], np.split(params.lstm.b, 4)
    W, hx = char_lm.gate_kernels(params), np.concatenate((h, x), axis=1)
    i, f, o = (1 / (1 + np.exp(-(hx @ W[k] + b["ifgo".index(k)]))) for k in "ifo")
    c_new = f * c + i * np.tanh(hx @ W["g"] + b[2])
    state, _ = char_lm.lstm.forward(params.lstm, char_lm.State(h, c), x)
    np.testing.assert_allclose(state.c, c_new, rtol=1e-14)
    np.testing.assert_allclose(state.h, o * np.tanh(c_new), rtol=1e-14)
    np.testing.assert_array_equal(W["y"], params.head.w)


def test_the_mean_loss_is_the_summed_loss_per_character():
    ids = np.array([[0, 1], [2, 0], [1, 1]])
    params = params_of(3, 4)
    given = (params, ids, ids[::-1], char_lm.zero_state(params, 2))
    assert float(char_lm.loss(*given)) == pytest.approx(float(char_lm.loss(*given, "sum")) / 6, rel=1e-6)


def test_a_model_that_knows_nothing_loses_the_logarithm_of_the_vocabulary():
    params = jax.tree.map(np.zeros_like, params_of(7, 4))
    ids = np.arange(6).reshape(3, 2)
    assert float(char_lm.score(params, ids, ids)[0]) == pytest.approx(log(7), rel=1e-6)


def test_accuracy_is_the_share_of_characters_whose_argmax_is_right():
    params = jax.tree.map(np.zeros_like, params_of(3, 4))
    params = params._replace(head=dense.Params(params.head.w, np.float32([0, 1, 0])))  # says 1, always
    targets = np.array([[1, 1], [0, 1], [2, 0], [1, 2]])
    assert float(char_lm.score(params, targets * 0, targets)[1]) == 0.5


@pytest.mark.parametrize("ids", [np.zeros(3, int), np.zeros((3, 2))])
def test_character_numbers_must_be_integers_in_time_and_batch(ids):
    params = params_of(3, 4)
    with pytest.raises(BadInput, match=r"integers \(T, B\)"):
        char_lm.loss(params, ids, ids, char_lm.zero_state(params, 2))


# -------------------------------------------------------------------------------------------------------- sampling


def test_a_sample_is_a_function_of_its_seed():
    params = params_of(4, 6)
    first, again, other = (char_lm.sample(params, "abcd", "ab", 60, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 60
    assert set(first) <= set("abcd")


def test_samples_follow_the_predicted_distribution_at_the_temperature():
    params = jax.tree.map(np.zeros_like, params_of(3, 4))
    params = params._replace(head=dense.Params(params.head.w, np.log(np.float32([0.5, 0.3, 0.2]))))
    for temperature in (1.0, 0.5):
        expected = np.array([0.5, 0.3, 0.2]) ** (1 / temperature)
        drawn = encode("abc", char_lm.sample(params, "abc", "a", 4000, temperature))
        share = np.bincount(drawn, minlength=3) / 4000
        assert np.abs(share - expected / expected.sum()).max() <= 5 * np.sqrt(0.25 / 4000)  # five standard deviations


def test_a_cold_sample_is_the_most_likely_next_character_after_what_was_read_and_drawn():
    rng = np.random.default_rng(6)
    params = jax.tree.map(
        lambda v: np.float32(rng.normal(scale=2, size=v.shape)), char_lm.initial_parameters(rng, 5, 12)
    )
    params = params._replace(head=dense.Params(params.head.w, 0 * params.head.b))
    text = "ade" + char_lm.sample(params, "abcde", "ade", 12, temperature=1e-4)
    ids = encode("abcde", text)
    _, tape = char_lm.forward(params, ids[:-1, None], ids[1:, None], char_lm.zero_state(params, 1))
    predicted = np.asarray(tape.loss.logits.argmax(-1))[:, 0]
    assert len(set(ids[3:])) > 1
    np.testing.assert_array_equal(predicted[2:], ids[3:])


@pytest.mark.parametrize(
    ("prompt", "length", "temperature", "says"),
    [
        ("", 5, 1.0, "at least one"),
        ("ax", 5, 1.0, "'x'"),
        ("a", -1, 1.0, "-1"),
        ("a", 5, 0.0, "positive"),
        ("a", 5, float("nan"), "positive"),
    ],
)
def test_sampling_refuses_what_it_cannot_do(prompt, length, temperature, says):
    with pytest.raises(BadInput, match=says):
        char_lm.sample(params_of(3, 4), "abc", prompt, length, temperature)
