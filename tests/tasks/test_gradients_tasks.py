"""Every model's complete gradient on text: hand against autodiff, on one batch and along a hundred updates."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import assert_eleven_digits, traced

from lstm_ref.data import made
from lstm_ref.tasks import NAMES, task
from lstm_ref.training import run as training
from lstm_ref.training.settings import precision

DATA = Path(__file__).parents[3] / "shared" / "data"

SIZES = {
    "char-lm": [{"sequence": 24}],
    "classifier": [
        {"embedding": 8, "read": "end"},
        {"embedding": 8, "read": "flat", "length": 16},
        {"embedding": 8, "read": "attention", "both": True},
        {"units": "char", "length": 40, "read": "max"},
    ],
    "tagger": [{"embedding": 8, "characters": 4}, {"embedding": 8, "loss": "softmax"}],
    "translation": [{"embedding": 8}, {"embedding": 8, "attention": "dot"}],
}
SETTINGS = [(name, sizes) for name in NAMES for sizes in SIZES[name]]


def both_ways(model, settings, paths):
    """Loss and gradients of the first batch, at random weights, by hand and by autodiff."""
    corpus = model.prepare(paths, settings)
    with precision(settings):
        rng, batch = np.random.default_rng(0), model.batch(corpus.train, settings, 0)
        drawn = model.initial(rng, corpus.vocabularies, settings)
        params = jax.tree.map(lambda v: rng.standard_normal(v.shape) / 2, drawn)
        modes = [replace(settings, gradients=how) for how in ("hand", "autodiff")]
        return traced(lambda p: [training.loss_and_gradients(model, mode, p, batch) for mode in modes], params)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("char-lm", ["tinyshakespeare.txt"]),
        ("classifier", ["rt-polarity.pos", "rt-polarity.neg"]),
        ("classifier", ["twitter_entity_sentiment_validation.csv"]),
        ("tagger", ["zh_gsdsimp-ud-dev.conllu"]),
        ("translation", []),
    ],
)
def test_on_a_batch_of_real_text_hand_equals_autodiff_to_eleven_digits(name, files):
    if not all((DATA / file).exists() for file in files):
        pytest.skip(f"needs {', '.join(files)} in {DATA}, which is absent")
    model = task(name)
    for sizes in SIZES[name]:
        settings = model.Settings(hidden=8, batch=8, float64=True, **sizes)
        (loss, hand), (loss_auto, auto) = both_ways(model, settings, [DATA / file for file in files])
        assert float(loss) == pytest.approx(float(loss_auto), rel=1e-13)
        assert_eleven_digits(hand, auto)


@pytest.mark.parametrize(("name", "sizes"), SETTINGS)
def test_the_first_hundred_losses_of_both_gradient_modes_agree_to_eight_digits(name, sizes, monkeypatch):
    few = made.numbers(40)
    monkeypatch.setattr(made, "numbers", lambda: few)
    model, losses = task(name), {}
    settings = model.Settings(hidden=8, batch=8, learning_rate=0.02, validate_every=0, float64=True, **sizes)
    corpus = model.prepare([], settings)
    with precision(settings):
        start = training.initial_state(model, settings, corpus.vocabularies)
        for how in ("hand", "autodiff"):
            mode = replace(settings, gradients=how)
            losses[how] = [step.loss for step in training.run(model, mode, corpus, start, 100)]
    assert len(losses["hand"]) == 100
    assert min(losses["hand"]) < 0.9 * losses["hand"][0]  # it learns: the two do not agree for want of moving
    assert losses["hand"] == pytest.approx(losses["autodiff"], rel=1e-8, abs=0)
