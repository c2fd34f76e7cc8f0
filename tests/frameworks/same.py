"""What the tests of frameworks share: one problem, our outputs and gradients of it, and the comparison."""

from dataclasses import replace

import jax
import numpy as np
from helpers import an_ordinary_problem, by_hand

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.strategies import Sizes

SIZES = Sizes(6, 2, 3, 4)
LENGTHS = [6, 3]

ROUNDINGS = 500
"""A few hundred operations, each right to one unit in the last place of the largest number there is."""


def assert_same(ours, theirs, version, dtype=np.float64):
    """To the arithmetic's limit; a failure says which version was compared."""
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = np.asarray(mine), np.asarray(other)
        assert mine.shape == other.shape, version
        assert other.dtype == dtype, version
        limit = ROUNDINGS * np.finfo(dtype).eps / 2 * max(np.max(np.abs(other), initial=0.0), 1.0)
        error = np.max(np.abs(mine - other), initial=0.0)
        assert error <= limit, f"{version}: off by {error:.2g}, allowed {limit:.2g}"


def assert_jax_framework(cell, theirs, version, lengths=None, dtype=np.float64):
    """`theirs(params, initial, xs)`, a JAX function of *our* arrays, gives our outputs, and JAX of it our gradients."""
    problem = an_ordinary_problem(cell, SIZES, lengths=lengths)
    given, bar = jax.tree.map(lambda v: v.astype(dtype), (problem.arguments, problem.bar))
    exactly = jax.tree.map(lambda v: v.astype(np.float64), (*given, bar))
    outputs, gradients = by_hand(
        replace(problem, **dict(zip(("params", "initial", "xs", "bar"), exactly, strict=True)))
    )
    with x64():
        found, vjp = jax.vjp(theirs, *jax.tree.map(jax.numpy.asarray, given))
        assert_same(outputs, found, version, dtype)
        assert_same(gradients[:3], vjp(jax.tree.map(jax.numpy.asarray, bar)), version, dtype)


def unrolled(step, initial, xs):
    """(states after every step) of `step(state, x) -> state`."""
    states = []
    for x in xs:
        initial = step(initial, x)
        states.append(initial)
    return states


def parts(v, number):
    """The blocks of the last axis."""
    return jax.numpy.split(v, number, axis=-1)


def joined(*v, axis=-1):
    return jax.numpy.concatenate(v, axis=axis)
