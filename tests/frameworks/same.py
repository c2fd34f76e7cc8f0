"""Shared by the framework tests: a run that must agree, and a comparison of behaviour that no feature covers."""

import jax
import numpy as np

from lstm_ref.interop.conform.features import FEATURES, Feature
from lstm_ref.interop.conform.table import compared

ROUNDINGS = 500
"""A few hundred operations, each right to one unit in the last place of the largest number there is."""


def assert_agrees(run, version):
    """A failure says which version was compared. Where JAX's compiler is to blame, that is no fault of the layout."""
    assert not run.failed, f"{version}: {run.failed}"
    right = run.agrees or run.uncompiled is not None
    assert right, f"{version}: {run.feature}, {run.layout}, {run.dtype}: {run.worst}"


def like(module, layout, of, feature):
    """The run of a feature that is not in the table, by the function that the table has for another one."""
    (dtype, *_) = module.DTYPES
    run = compared(module, feature, layout, dtype, forward=module.RUNS[of][layout])
    assert_agrees(run, module.VERSION)


LENGTHS = Feature("lengths", lengths=True)
LSTM_LENGTHS = FEATURES["lstm, lengths"]


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
