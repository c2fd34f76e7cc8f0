"""The character model's hand-written gradients against autodiff, and against differences in ball arithmetic."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import traced

from lstm_ref.arithmetic.balls import Balls, as_balls, ball, magnitudes, midpoints, precision
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.data.characters import encode, read_text, vocabulary
from lstm_ref.models import char_lm
from lstm_ref.models.char_lm import LOOP

SHAKESPEARE = Path(__file__).parents[3] / "shared" / "data" / "tinyshakespeare.txt"


def random_like(tree, seed, scale=0.5):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda v: rng.normal(scale=scale, size=v.shape), tree)


def problem(text, T, B, H, seed=1):
    """Params (weights about 0.5, random biases), ids (T, B) from places all over the text, random non-zero state."""
    characters = vocabulary(text)
    ids = encode(characters, text)
    starts = np.linspace(0, len(ids) - T - 1, B).astype(int)
    window = ids[starts + np.arange(T + 1)[:, None]]
    params = random_like(char_lm.initial_parameters(np.random.default_rng(0), len(characters), H), seed)
    initial = random_like(char_lm.zero_state(params, B), seed + 1)
    return params, window[:-1], window[1:], initial


def relative_errors(found, expected):
    """Path -> largest difference over the largest element of the array that holds it."""
    flat, _ = jax.tree_util.tree_flatten_with_path(expected)
    pairs = zip(flat, jax.tree.leaves(found), strict=True)
    return {
        jax.tree_util.keystr(path): np.abs(np.asarray(f) - np.asarray(e)).max() / np.abs(np.asarray(e)).max()
        for (path, e), f in pairs
    }


def assert_hand_equals_autodiff(params, inputs, targets, initial, reduction):
    with x64():
        arrays = jax.tree.map(jnp.asarray, (params, inputs, targets, initial))
        loss, hand = jax.jit(char_lm.gradients, static_argnums=4)(*arrays, reduction)
    loss_of = lambda params, initial: char_lm.loss(params, inputs, targets, initial, reduction)  # noqa: E731
    loss_auto, auto = traced(jax.value_and_grad(loss_of, argnums=(0, 1)), params, initial)
    assert loss.dtype == np.float64
    assert float(loss) == pytest.approx(float(loss_auto), rel=1e-14)
    errors = relative_errors(hand, auto)
    assert len(errors) == 7  # w_x w_h b of the LSTM, w b of the head, h c of the initial state
    for path, error in errors.items():
        assert error <= 1e-12, f"{path}: relative error {error:.2e}"


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_hand_equals_autodiff_to_twelve_digits_over_250_characters_of_the_story(reduction):
    assert_hand_equals_autodiff(*problem(read_text(), T=250, B=2, H=24), reduction)


def test_hand_equals_autodiff_to_twelve_digits_over_one_long_sequence_of_shakespeare():
    if not SHAKESPEARE.exists():
        pytest.skip(f"needs {SHAKESPEARE}, which is absent")
    assert_hand_equals_autodiff(*problem(read_text(SHAKESPEARE), T=400, B=1, H=32), "mean")


@pytest.mark.parametrize(("T", "B", "H"), [(1, 1, 1), (2, 3, 1)])
def test_hand_equals_autodiff_at_the_smallest_sizes(T, B, H):
    assert_hand_equals_autodiff(*problem("abracadabra", T, B, H), "mean")


def test_the_loop_in_numpy_gives_the_numbers_of_the_scan():
    given = problem(read_text(), T=12, B=3, H=5)
    loss, bars = char_lm.gradients(*given, through=LOOP)
    assert isinstance(bars[0].lstm.w_x, np.ndarray)
    with x64():
        loss_scan, bars_scan = jax.jit(char_lm.gradients)(*given)
    assert float(loss) == pytest.approx(float(loss_scan), rel=1e-14)
    assert max(relative_errors(bars, bars_scan).values()) <= 1e-13


def test_differences_in_ball_arithmetic_agree_with_every_gradient_to_sixty_digits():
    params, inputs, targets, initial = problem("abcab acb", T=6, B=2, H=3)
    loss_of, gradients_of = char_lm.for_checking(inputs, targets, "sum")
    with precision(120):
        values = jax.tree.map(as_balls, {"lstm": params.lstm, "head": params.head, "initial": initial})
        claimed, tree = jax.tree.flatten(gradients_of(values))
        leaves = jax.tree.leaves(values)
        h = ball(1) / 10**40
        checked = 0
        for number, (leaf, bar) in enumerate(zip(leaves, claimed, strict=True)):
            assert isinstance(bar, Balls)
            for index in np.ndindex(leaf.shape):

                def loss_at(move, number=number, index=index):
                    moved = [leaf.copy() for leaf in leaves]
                    moved[number][index] = moved[number][index] + move
                    return loss_of(jax.tree.unflatten(tree, moved))

                difference = (loss_at(h) - loss_at(-h)) / (2 * h)
                error = magnitudes(as_balls(difference - bar[index]))
                assert error <= 1e-60, f"{number}{index}: {error}, claimed {midpoints(as_balls(bar[index]))}"
                checked += 1
    assert checked == sum(leaf.size for leaf in jax.tree.leaves((params, initial)))
