"""A model's parameters, counted."""

import jax
import numpy as np
from rich.console import Console

from lstm_ref.models import classifier, tagger
from lstm_ref.reporting.summary import counts, summary


def test_the_embedding_classifier_of_the_tutorial_has_250115_parameters():
    params = classifier.initial_parameters(np.random.default_rng(0), V=50_000, D=5, H=3, K=1, steps=2)
    assert counts(params) == {"embedding": 250_000, "cell": 108, "head": 7}
    console = Console(width=60)
    with console.capture() as printed:
        console.print(summary(params))
    lines = [line.split() for line in printed.get().splitlines() if line.strip("─ ")]
    assert ["cell.w_x", "5×12", "60"] in lines
    assert lines[-1] == ["in", "all", "250,115"]


def test_parts_that_a_model_lacks_are_left_out():
    shapes = tagger.parameter_shapes(9, 3, 2, 4, chain=False)
    params = jax.tree.map(np.zeros, shapes, is_leaf=lambda v: type(v) is tuple)
    assert list(counts(params)) == ["embedding", "cells", "head"]
