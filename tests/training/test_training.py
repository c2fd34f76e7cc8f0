"""Training: settings, updates, early stop; a resumed run is bit-identical to one that never stopped."""

from dataclasses import replace
from math import log

import jax
import numpy as np
import pytest

from lstm_ref.data.characters import decode
from lstm_ref.errors import BadInput
from lstm_ref.models import char_lm
from lstm_ref.tasks import NAMES, task
from lstm_ref.tasks.char_lm import TASK, Settings, batch, prepare
from lstm_ref.training import run as training
from lstm_ref.training.settings import check, precision

SMALL = Settings(hidden=8, sequence=10, batch=2, seed=5)


@pytest.fixture(scope="module")
def corpus():
    return prepare([], SMALL)


def of_text(tmp_path, text, settings=SMALL):
    (tmp_path / "t").write_text(text)
    return prepare([tmp_path / "t"], settings)


def run(settings, corpus, start, steps, model=TASK):
    """Last state and all losses."""
    with precision(settings):
        history = list(training.run(model, settings, corpus, start, steps))
    return history[-1].state, [step.loss for step in history]


def start_of(settings, corpus, model=TASK):
    with precision(settings):
        return training.initial_state(model, settings, corpus.vocabularies)


def test_parameters_beyond_all_addresses_are_no_memory_before_any_is_drawn(corpus):
    with pytest.raises(MemoryError):
        start_of(replace(SMALL, hidden=10**9), corpus, TASK._replace(initial=None))


# ------------------------------------------------------------------------------------------------ the character task


def test_the_last_tenth_of_the_text_is_held_out(tmp_path):
    text = "abcdefghij" * 5
    corpus = of_text(tmp_path, text, replace(SMALL, sequence=8))
    characters = "".join(corpus.vocabularies["characters"])
    assert decode(characters, corpus.train) + decode(characters, corpus.held_out) == text
    assert len(corpus.held_out) == 5
    assert corpus.baselines(corpus.held_out)["character frequencies alone"]["loss"] == pytest.approx(log(5))


def test_a_batch_is_contiguous_text_and_its_target_is_the_next_character():
    inputs, targets = batch(np.arange(50, dtype=np.int32), SMALL, step=7)
    assert inputs.shape == targets.shape == (10, 2)
    np.testing.assert_array_equal(np.diff(inputs, axis=0), 1)
    np.testing.assert_array_equal(targets, inputs + 1)


def test_batches_reach_the_first_and_the_last_character_and_differ_by_step_and_seed():
    ids = np.arange(14, dtype=np.int32)
    batches = [batch(ids, SMALL, step) for step in range(40)]
    assert min(inputs.min() for inputs, _ in batches) == 0
    assert max(targets.max() for _, targets in batches) == 13
    assert len({inputs.tobytes() for inputs, _ in batches}) > 5
    assert any((batch(ids, replace(SMALL, seed=6), step)[0] != batches[step][0]).any() for step in range(5))


def test_the_shortest_text_that_can_train_does_and_one_character_less_is_refused(tmp_path):
    corpus = of_text(tmp_path, "ab" * 6 + "c")  # 13 = 11 + 2
    run(SMALL, corpus, start_of(SMALL, corpus), 2)
    assert TASK.score(start_of(SMALL, corpus).params, corpus.held_out, SMALL)["loss"] > 0
    with pytest.raises(BadInput, match=r"of its 12 characters 10 are for training, and .* 10 need at least 11"):
        of_text(tmp_path, "ab" * 6)


def test_validation_averages_over_whole_sequences_from_a_zero_state(corpus, monkeypatch):
    from lstm_ref.tasks import char_lm as module

    settings, ids = replace(SMALL, sequence=12), corpus.held_out[:38]  # 3 sequences of 12 and a rest
    params = start_of(SMALL, corpus).params
    whole = TASK.score(params, ids, settings)
    parts = [char_lm.score(params, ids[k : k + 12, None], ids[k + 1 : k + 13, None]) for k in (0, 12, 24)]
    means = np.mean([[float(v) for v in part] for part in parts], axis=0)
    assert list(whole.values()) == pytest.approx(list(means), rel=1e-6)
    monkeypatch.setattr(module, "ROWS", 2)
    assert TASK.score(params, ids, settings) == pytest.approx(whole, rel=1e-6)


# -------------------------------------------------------------------------------------------------------- updates


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
def test_training_lowers_the_loss_under_every_optimizer(optimizer, tmp_path):
    settings = replace(SMALL, batch=16, optimizer=optimizer, learning_rate=Settings.RATES[optimizer])
    corpus = of_text(tmp_path, "the gates stand three, " * 40, settings)
    state, losses = run(settings, corpus, start_of(settings, corpus), 150)
    assert losses[0] == pytest.approx(log(len(corpus.vocabularies["characters"])), rel=0.15)
    score = TASK.score(state.params, corpus.held_out, settings)
    frequencies = corpus.baselines(corpus.held_out)["character frequencies alone"]["loss"]
    assert score["loss"] < frequencies - 0.5  # it has learned more than frequencies
    assert score["accuracy"] > 0.5


@pytest.mark.parametrize(("clip", "bound"), [("norm", 1e-3), ("value", 1e-4), ("none", 1e-4)])
def test_clipping_bounds_the_step_after_accumulation(corpus, clip, bound):
    settings = replace(SMALL, optimizer="sgd", learning_rate=1.0, clip=clip, clip_bound=bound, float64=True)
    with precision(settings):
        start = training.initial_state(TASK, settings, corpus.vocabularies)
        first = batch(corpus.train, settings, 0)
        _, params, _ = training.update(TASK, settings, start.params, start.optimizer, first)
        _, gradients = training.loss_and_gradients(TASK, settings, start.params, first)
        move, gradient = (
            np.concatenate([np.ravel(v) for v in jax.tree.leaves(tree)])
            for tree in (jax.tree.map(lambda a, b: a - b, start.params, params), gradients)
        )
    if clip == "none":
        np.testing.assert_allclose(move, gradient, atol=1e-15)
    else:
        size = np.linalg.norm(move) if clip == "norm" else np.abs(move).max()
        assert size == pytest.approx(bound, rel=1e-9)


def test_a_loss_that_is_no_number_stops_the_run(corpus):
    settings = replace(SMALL, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(BadInput, match=r"the loss is (nan|inf) at step \d+: lower the learning rate"):
        run(settings, corpus, start_of(settings, corpus), 20)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"sequence": 0}, "sequence must be at least 1"),
        ({"batch": -2}, "batch must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"batch": 2.0}, "batch must be int"),
        ({"batch": True}, "batch must be int"),
        ({"float64": 1}, "float64 must be bool"),
        ({"learning_rate": 0.0}, "learning rate must be a positive"),
        ({"learning_rate": float("nan")}, "learning rate must be a positive"),
        ({"learning_rate": "1"}, "learning rate must be a positive"),
        ({"clip_bound": -1.0}, "clip bound must be a positive"),
        ({"clip": "hard"}, "clip must be one of norm, value, none, got 'hard'"),
        ({"optimizer": "adagrad"}, "optimizer must be one of sgd, momentum, adam"),
        ({"gradients": "numeric"}, "gradients must be one of hand, autodiff"),
        ({"validate_every": -1}, "validate every must be at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(change, says):
    check(SMALL)
    with pytest.raises(BadInput, match=says):
        check(replace(SMALL, **change))


# ---------------------------------------------------------------------------------------------- the best, early stop


def test_the_best_validation_is_kept_and_patience_ends_the_run_so_many_validations_after_it(corpus):
    goals = iter([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    model = TASK._replace(score=lambda *_: {"loss": next(goals)})
    settings = replace(SMALL, validate_every=2, patience=3)
    with precision(settings):
        steps = list(training.run(model, settings, corpus, start_of(settings, corpus), 100))
    assert [step.scores["loss"] for step in steps if step.scores] == [3.0, 2.0, 2.5, 2.0, 2.1]
    last = steps[-1].state
    assert (last.step, last.best.step, last.best.goal) == (10, 4, 2.0)
    assert last.chosen is steps[3].state.params
    assert training.over(settings, last)
    assert not training.over(replace(settings, patience=0), last)


def test_without_a_validation_the_last_parameters_are_chosen(corpus):
    state, _ = run(replace(SMALL, validate_every=0), corpus, start_of(SMALL, corpus), 3)
    assert state.best is None
    assert state.chosen is state.params


def test_parameters_that_were_validated_and_are_better_than_the_best_are_chosen(corpus):
    state, _ = run(replace(SMALL, validate_every=2), corpus, start_of(SMALL, corpus), 3)
    assert state.best.step == 2
    assert state._replace(goal=state.best.goal - 1).chosen is state.params
    assert state._replace(goal=state.best.goal).chosen is state.best.params


# ----------------------------------------------------------------------------------------------------- every model


def test_every_models_shapes_are_those_of_its_initial_parameters():
    for name in NAMES:
        model = task(name)
        for settings in (model.Settings(), *others(model)):
            corpus = model.prepare([], settings)
            drawn = model.initial(np.random.default_rng(0), corpus.vocabularies, settings)
            wanted = model.shapes(corpus.vocabularies, settings)
            assert jax.tree.map(np.shape, drawn) == wanted


def others(model):
    """Settings that change which parameters there are."""
    changes = {
        "classifier": [{"read": "flat", "length": 9}, {"binary": True}, {"cell": "gru"}],
        "tagger": [{"loss": "softmax"}, {"characters": 5}],
        "translation": [{"attention": "dot"}],
    }
    return [replace(model.Settings(), **change) for change in changes.get(model.name, [])]
