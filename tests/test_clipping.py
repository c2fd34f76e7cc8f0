"""Clipping: bounds are kept, small gradients stay unchanged, clipping by norm keeps the direction, elementwise does
not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.clipping import clip_elementwise, clip_global_norm, global_norm
from lstm_ref.errors import BadInput
from lstm_ref.strategies import arrays_like

EPS = np.finfo(np.float64).eps

gradients = st.fixed_dictionaries({"w": arrays_like((3, 4)), "b": arrays_like((4,)), "none": arrays_like((0, 4))})
bounds = st.sampled_from([1e-6, 0.1, 1.0, 5.0, 1e6])
N = 16
"""Elements in all. A sum of N squares and its root err by at most (N / 2 + 2) units of roundoff, relatively."""


def norm(tree):
    return np.sqrt(sum(float(np.sum(np.square(v))) for v in tree.values()))


@given(gradients, bounds)
def test_elementwise_clipping_bounds_every_element_and_leaves_those_within_alone(tree, c):
    for name, found in clip_elementwise(tree, c).items():
        within = np.abs(tree[name]) <= c
        assert (np.abs(found) <= c).all()
        np.testing.assert_array_equal(found[within], tree[name][within])
        np.testing.assert_array_equal(found[~within], c * np.sign(tree[name][~within]))


@given(gradients)
def test_the_global_norm_is_that_of_all_arrays_as_one_vector(tree):
    assert abs(float(global_norm(tree)) - norm(tree)) <= N * EPS * norm(tree)


@given(gradients, bounds)
def test_clipping_by_norm_bounds_the_common_norm_and_keeps_the_direction(tree, c):
    found, before = clip_global_norm(tree, c), norm(tree)
    factor = min(1.0, c / before) if before > 0 else 1.0
    assert norm(found) <= c * (1 + N * EPS)
    for name, value in found.items():
        assert (np.abs(value - factor * tree[name]) <= N * EPS * factor * np.abs(tree[name])).all()


@given(gradients)
def test_clipping_by_a_norm_that_is_not_reached_changes_no_bit(tree):
    found = clip_global_norm(tree, 2 * norm(tree) + 1)
    for name, value in tree.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_elementwise_clipping_turns_the_direction_and_clipping_by_norm_does_not():
    tree = {"w": np.array([3.0, 4.0])}
    np.testing.assert_array_equal(clip_elementwise(tree, 1.0)["w"], [1, 1])
    np.testing.assert_allclose(clip_global_norm(tree, 1.0)["w"], [0.6, 0.8], rtol=N * EPS)


def test_the_zero_gradient_stays_zero_and_not_nan():
    assert (clip_global_norm({"w": np.zeros(3)}, 1.0)["w"] == 0).all()


@pytest.mark.parametrize("clip", [clip_elementwise, clip_global_norm])
def test_clipping_works_inside_jit_on_any_tree_and_keeps_float32(clip):
    tree = [jnp.ones(3, jnp.float32), {"b": 10 * jnp.ones((2, 2), jnp.float32)}]
    found = jax.jit(lambda g: clip(g, 0.5))(tree)
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    assert all(v.dtype == np.float32 for v in jax.tree.leaves(found))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(clip(tree, 0.5)), strict=True):
        np.testing.assert_allclose(one, other, rtol=4 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("clip", [clip_elementwise, clip_global_norm])
@pytest.mark.parametrize("c", [0, -1.0, float("nan")])
def test_a_bound_that_is_not_positive_is_refused(clip, c):
    with pytest.raises(BadInput, match=f"must be positive, got {c}"):
        clip({"w": np.ones(2)}, c)
