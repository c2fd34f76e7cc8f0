"""Idioms of torch code: each is followed correctly, or refused with the reason."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lstm_ref import torch_function  # noqa: E402
from lstm_ref.errors import CannotEvaluate  # noqa: E402
from lstm_ref.graph import sweep, trace  # noqa: E402
from lstm_ref.graph.tensors import run_plain  # noqa: E402
from lstm_ref.graph.trace import graph_at  # noqa: E402
from tests.graph.torch_idioms import FOLLOWED, REFUSED  # noqa: E402


def problem_of(function, name):
    torch.manual_seed(0)
    x, y, v = (torch.randn(*shape, dtype=torch.float64) for shape in ((3, 4), (4, 3), (4,)))
    return torch_function(lambda x, y, v, i: function(x, y, v, i), x, y, v, torch.tensor([2, 0, 3]), name=name)


@pytest.mark.parametrize("name", FOLLOWED)
def test_an_idiom_is_followed_and_its_sweep_is_torchs_gradient(name):
    of = problem_of(FOLLOWED[name], name)
    graph = trace(of.function, of.inputs)
    bars = jax.tree.map(lambda v: np.random.default_rng(0).standard_normal(np.shape(v)), graph.result)
    ours = sweep(graph, bars).gradients
    theirs = {n: torch.tensor(v, requires_grad=True) for n, v in of.inputs.items()}
    outputs = jax.tree.leaves(of.function.torch(theirs))
    phi = sum((o * torch.tensor(b)).sum() for o, b in zip(outputs, jax.tree.leaves(bars), strict=True))
    found = torch.autograd.grad(phi, list(theirs.values()), allow_unused=True)
    if "detached" in name:  # a cut hides a derivative from autograd, and not from the graph
        assert np.any(ours["x"] != 0)
        return
    for (n, value), g in zip(of.inputs.items(), found, strict=True):
        expected = np.zeros_like(value) if g is None else g.numpy()
        size = max(1.0, np.max(np.abs(expected)))
        assert np.max(np.abs(ours[n] - expected)) <= 1e-13 * size, n


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_backward_pass_of_an_idiom_is_followed_too(name):
    of = problem_of(FOLLOWED[name], name)
    bars = jax.tree.map(lambda v: np.random.default_rng(0).standard_normal(np.shape(v)), of.function(of.inputs))
    graph = graph_at(of.gradients, of.inputs, bars)
    for n, value in run_plain(lambda both: of.gradients.torch(*both), (of.inputs, bars)).items():
        assert np.max(np.abs(graph.result[n] - value)) <= 1e-13 * max(1.0, np.max(np.abs(value))), n


@pytest.mark.parametrize("name", REFUSED)
def test_what_leaves_torch_is_refused_with_its_reason(name):
    function, words = REFUSED[name]
    of = problem_of(function, name)
    with pytest.raises(CannotEvaluate, match=re.escape(words) or "."):
        trace(of.function, of.inputs)
