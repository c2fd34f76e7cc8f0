"""Checkpoints and curves are read back bit by bit, and files that are neither are refused in one line."""

import json
import os
import pickle
from contextlib import suppress
from dataclasses import replace
from html import unescape

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lstm_ref.errors import BadInput
from lstm_ref.reporting.line_picture import COLOURS
from lstm_ref.tasks import NAMES, task
from lstm_ref.tasks.char_lm import TASK, Settings, prepare
from lstm_ref.training import checkpoint
from lstm_ref.training import run as training
from lstm_ref.training.curve import curve, plot
from lstm_ref.training.settings import precision

SMALL = Settings(hidden=8, sequence=10, batch=2, seed=5, validate_every=2)


def assert_same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def run(model, settings, corpus, start, steps):
    """Last state and all losses."""
    with precision(settings):
        history = list(training.run(model, settings, corpus, start, steps))
    return history[-1].state, [step.loss for step in history]


SMALL_ONES = {
    "char-lm": {"sequence": 10},
    "classifier": {"embedding": 3, "read": "flat", "length": 9},
    "tagger": {"embedding": 3, "characters": 2},
    "translation": {"embedding": 3},
}


@pytest.mark.parametrize(
    ("name", "optimizer", "float64"),
    [*((name, "adam", False) for name in NAMES), ("char-lm", "sgd", False), ("char-lm", "momentum", True)],
)
def test_a_run_that_was_killed_and_resumed_has_the_very_bits_of_one_that_never_stopped(
    tmp_path, name, optimizer, float64, monkeypatch
):
    model = task(name)
    sizes = {"hidden": 4, "batch": 2, "seed": 5, "validate_every": 3, "learning_rate": 0.1}
    settings = model.Settings(**sizes, **SMALL_ONES[name], optimizer=optimizer, float64=float64)
    if name == "translation":  # few pairs, so that validation is short
        monkeypatch.setattr(
            "lstm_ref.data.made.numbers", lambda real=model.prepare.__globals__["made"].numbers: real(40)
        )
    corpus = model.prepare([], settings)
    with precision(settings):
        start = training.initial_state(model, settings, corpus.vocabularies)
    whole, losses = run(model, settings, corpus, start, 7)
    half, before = run(model, settings, corpus, start, 4)
    checkpoint.write(tmp_path / "c", model, checkpoint.Checkpoint(settings, corpus.vocabularies, corpus.digest, half))
    loaded = checkpoint.read(tmp_path / "c", model)
    assert loaded[:3] == (settings, corpus.vocabularies, corpus.digest)
    assert (loaded.state.step, loaded.state.best.step) == (4, 3)
    assert_same_bits(loaded.state, half)
    resumed, after = run(model, loaded.settings, corpus, loaded.state, 7)
    assert before + after == losses
    assert_same_bits(resumed, whole)


@pytest.fixture(scope="module")
def corpus():
    return prepare([], SMALL)


def of_seed(seed, corpus):
    settings = replace(SMALL, seed=seed)
    state, _ = run(TASK, settings, corpus, training.initial_state(TASK, settings, corpus.vocabularies), 3)
    return checkpoint.Checkpoint(settings, corpus.vocabularies, corpus.digest, state)


@pytest.fixture
def saved(tmp_path, corpus):
    """Path of a good checkpoint."""
    checkpoint.write(tmp_path / "c", TASK, of_seed(5, corpus))
    return tmp_path / "c"


def rewritten(path, about=None, **arrays):
    """The checkpoint with some of its metadata or arrays replaced (None: left out)."""
    held = {k: v for k, v in (load_file(path) | arrays).items() if v is not None}
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    kept = json.loads(header["__metadata__"][checkpoint.KEY])
    kept |= about or {}
    kept[checkpoint.CHECKSUM] = checkpoint.checksum(kept, held)
    save_file(held, path, metadata={checkpoint.KEY: json.dumps(kept)})


def with_metadata(path, key, value):
    save_file(load_file(path), path, metadata={key: value})


def nested(path):
    with_metadata(path, checkpoint.KEY, "[" * 100_000 + "]" * 100_000)


def no_file(path):
    path.unlink()


def a_pickle(path):
    path.write_bytes(pickle.dumps({"params": [1, 2, 3]}))


def anothers_file(path):
    save_file({"w": np.ones(3)}, path, metadata={"format": "pt"})


def an_empty_file(path):
    path.write_bytes(b"")


def cut_in_the_header(path):
    path.write_bytes(path.read_bytes()[:300])


def cut_in_the_data(path):
    path.write_bytes(path.read_bytes()[:-10])


NOT_OURS = "not a checkpoint of this package, or it is truncated or damaged"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (no_file, "cannot read .* No such file"),
        (a_pickle, NOT_OURS),
        (anothers_file, NOT_OURS),
        (an_empty_file, NOT_OURS),
        (cut_in_the_header, NOT_OURS),
        (cut_in_the_data, NOT_OURS),
        (nested, NOT_OURS),
        (lambda path: with_metadata(path, checkpoint.KEY_WITHOUT_CHECKSUM, "[1]"), NOT_OURS),
        (lambda path: rewritten(path, {"model": "tagger"}), "not a char-lm checkpoint .* of the model tagger"),
        (lambda path: rewritten(path, {"settings": {"hidden": 9, "sequence": 10, "batch": 2}}), "must be float32"),
        (lambda path: rewritten(path, {"settings": {"depth": 9}}), "unexpected keyword argument 'depth'"),
        (lambda path: rewritten(path, {"settings": {"hidden": 2**31 - 1}}), "does not fit its own settings"),
        (lambda path: rewritten(path, {"settings": []}), "can read"),
        (lambda path: rewritten(path, {"step": -1}), "is invalid"),
        (lambda path: rewritten(path, {"best": 3}), "can read"),
        (lambda path: rewritten(path, {"best": {"step": -5, "goal": 1.0}}), "its best step is invalid"),
        (lambda path: rewritten(path, **{"params.head.b": np.full(44, np.nan, np.float32)}), "damaged: params.head.b"),
        (lambda path: rewritten(path, {"best": None}), "best.head.b must be absent"),
        (lambda path: rewritten(path, {"vocabularies": {"characters": ["b", "a"]}}), "is invalid"),
        (lambda path: rewritten(path, {"vocabularies": {"characters": ["a", "bc"]}}), "is invalid"),
        (lambda path: rewritten(path, {"vocabularies": {}}), "can read"),
        (lambda path: rewritten(path, {"vocabularies": 7}), "can read"),
        (lambda path: rewritten(path, **{"params.head.b": None}), "params.head.b must be .*, but is absent"),
        (lambda path: rewritten(path, **{"best.head.b": None}), "best.head.b must be .*, but is absent"),
        (lambda path: rewritten(path, **{"params.head.c": np.ones(2)}), "params.head.c must be absent"),
        (
            lambda path: rewritten(path, **{"optimizer.0.count": np.zeros((), np.int64)}),
            "optimizer.0.count must be int32",
        ),
    ],
)
def test_a_file_that_is_not_such_a_checkpoint_is_refused_in_one_line(saved, damage, says):
    damage(saved)
    with pytest.raises(BadInput, match=says) as caught:
        checkpoint.read(saved, TASK)
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_that_flips_anywhere_is_told_or_changes_nothing(saved):
    whole, was = saved.read_bytes(), checkpoint.read(saved, TASK)
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    data = rng.integers(header, len(whole), 100)
    for at in [*range(8), *rng.integers(8, header, 300), *data]:
        changed = bytearray(whole)
        changed[at] ^= int(rng.integers(1, 256))
        saved.write_bytes(changed)
        if at in data:
            with pytest.raises(BadInput, match="is damaged: its contents do not match its"):
                checkpoint.read(saved, TASK)
            continue
        with suppress(BadInput):
            now = checkpoint.read(saved, TASK)
            assert now[:3] == was[:3]
            assert_same_bits(now.state, was.state)


def test_a_checkpoint_from_before_there_were_checksums_is_read(saved):
    was, raw = checkpoint.read(saved, TASK), saved.read_bytes()
    about = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"][checkpoint.KEY]
    kept = {k: v for k, v in json.loads(about).items() if k != checkpoint.CHECKSUM}
    with_metadata(saved, "lstm_ref run 1", json.dumps(kept))
    now = checkpoint.read(saved, TASK)
    assert now[:3] == was[:3]
    assert_same_bits(now.state, was.state)


def test_a_write_that_fails_leaves_the_old_checkpoint_and_no_debris(saved, corpus, monkeypatch):
    before, another = saved.read_bytes(), of_seed(9, corpus)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(BadInput, match="No space left"):
        checkpoint.write(saved, TASK, another)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["c"]


# ---------------------------------------------------------------------------------------------------------- curves


def test_a_resumed_run_never_takes_another_file_for_its_curve(tmp_path):
    (tmp_path / "x").write_text("precious\nwords\n")
    with pytest.raises(BadInput, match="line 1, is not a line of a loss curve"), curve(tmp_path / "x", 3):
        pass
    assert (tmp_path / "x").read_text() == "precious\nwords\n"


@pytest.mark.parametrize(
    "text",
    [
        "my precious notes",
        '{"step": 1, "loss": null}\n',
        "[" * 100_000 + "\n",
        '{"step": 1, "mine": 2}\n',
        '{"step": 1, "loss": 2, "mine": 3}\n{"step": 2, "loss": 1}',
    ],
)
def test_a_file_that_only_looks_like_a_curve_is_left_alone(tmp_path, text):
    (tmp_path / "x").write_text(text)
    with pytest.raises(BadInput, match="is not a line of a loss curve"), curve(tmp_path / "x", 3):
        pass
    assert (tmp_path / "x").read_text() == text


def test_a_resumed_curve_begins_with_the_notes_up_to_its_step_and_a_half_written_line_is_dropped(tmp_path):
    (tmp_path / "x").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 99.0}\n{"ste')
    with curve(tmp_path / "x", 1) as (notes, note):
        note(step=2, loss=1.5)
        note(step=2, held_out={"loss": 1.0})
    wanted = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}, {"step": 2, "held_out": {"loss": 1.0}}]
    assert notes == wanted == [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]


def test_a_resume_that_cannot_write_its_curve_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "x").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BadInput, match="x: cannot be written: No space left"), curve(tmp_path / "x", 1):
        pass
    assert (tmp_path / "x").read_text() == '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_plot_has_the_batches_their_mean_and_the_held_out_loss(tmp_path, suffix):
    image = pytest.importorskip("matplotlib.image", reason="plots need matplotlib")
    path = tmp_path / f"x{suffix}"
    notes = [{"step": k, "loss": 3 / k} for k in range(1, 120)]
    notes += [{"step": step, "held_out": {"loss": loss}} for step, loss in ((50, 1.0), (100, 0.5))]
    plot(notes, path, "a run")
    if suffix == ".svg":
        ends = {"batch": 0.0252101, "mean of 2": 0.0253169, "held out": 0.5}  # 3 / 119; the mean of 3 / 118 and 3 / 119
        assert json.dumps(ends) in unescape(path.read_text())
        return
    pixels = image.imread(path)[..., :3].reshape(-1, 3)
    for colour in (COLOURS[0], COLOURS[1], COLOURS[3]):  # of the three lines
        away = np.abs(pixels - np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])).max(axis=1)
        assert np.sum(away < 0.02) > 100, colour
