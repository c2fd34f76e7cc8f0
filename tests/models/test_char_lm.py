"""The character model around its gradients: text, sampling, training, checkpoints, the command."""

import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from math import log

import jax
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from lstm_ref.commands.train import train
from lstm_ref.errors import BadInput
from lstm_ref.layers import dense
from lstm_ref.models import char_lm, checkpoint, training
from lstm_ref.models.curve import curve
from lstm_ref.models.text import decode, encode, frequency_entropy, read_text, vocabulary

SMALL = training.Settings(hidden=8, sequence=10, batch=2, seed=5)
OPTIONS = ["--hidden", "8", "--sequence", "10", "--batch", "2", "--seed", "5", "--sample-every", "3"]


@pytest.fixture(scope="module")
def data():
    return training.prepare(read_text(), SMALL.sequence)


def run(settings, data, start, steps):
    """Last state and all losses."""
    with training.precision(settings):
        history = list(training.run(settings, data, start, steps))
    return history[-1][0], [loss for _, loss in history]


def assert_same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def command(*arguments):
    return CliRunner().invoke(train, ["char-lm", *map(str, arguments)])


def refusal(*arguments):
    """The one line with which the command refuses."""
    result = command(*arguments)
    assert isinstance(result.exception, BadInput), (result.output, result.exception)
    (line,) = str(result.exception).splitlines()
    return line


# ------------------------------------------------------------------------------------------------------------ text


def test_a_vocabulary_is_the_sorted_distinct_characters():
    assert vocabulary("hello world") == " dehlorw"


def test_decoding_undoes_encoding():
    characters = vocabulary("naïve 東京\n")
    ids = encode(characters, "東 naïve\n")
    assert ids.dtype == np.int32
    assert decode(characters, ids) == "東 naïve\n"
    assert [characters[k] for k in ids] == list("東 naïve\n")


def test_an_unknown_character_is_named_with_its_position():
    with pytest.raises(BadInput, match=r"'é' \(U\+00E9\) at position 3 .* 4 characters"):
        encode("acf ", "cafés é")


@pytest.mark.parametrize("ids", [[0, -1], [2], [0, 1, 99]])
def test_a_number_that_is_no_character_is_refused(ids):
    with pytest.raises(BadInput, match=r"0\.\.1"):
        decode("ab", ids)


def test_frequency_entropy_is_that_of_the_frequencies():
    assert frequency_entropy("abcd") == pytest.approx(log(4))
    assert frequency_entropy("aaab") == pytest.approx(-(0.75 * log(0.75) + 0.25 * log(0.25)))


def test_the_story_that_comes_along_is_plain_ascii_and_long_enough_to_learn_from():
    text = read_text()
    assert text.isascii()
    assert 3000 <= len(text) <= 5000


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot read"), (b"", "is empty"), (b"caf\xe9", "not UTF-8 text: byte 0xe9 at position 3")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / "t").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read_text(tmp_path / "t")


# ----------------------------------------------------------------------------------------------------------- model


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


def test_an_unknown_way_to_gradients_is_refused():
    with pytest.raises(BadInput, match="'hand' or 'autodiff', got 'magic'"):
        char_lm.loss_and_gradients(params_of(3, 4), None, None, None, "magic")


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


# -------------------------------------------------------------------------------------------------------- training


def test_the_last_tenth_of_the_text_is_held_out():
    text = "abcdefghij" * 5
    data = training.prepare(text, 8)
    assert decode(data.characters, data.train) + decode(data.characters, data.held_out) == text
    assert len(data.held_out) == 5
    assert data.held_out_entropy == pytest.approx(log(5))


def test_a_batch_is_contiguous_text_and_its_target_is_the_next_character():
    train_ids = np.arange(50, dtype=np.int32)
    inputs, targets = training.batch(train_ids, SMALL, step=7)
    assert inputs.shape == targets.shape == (10, 2)
    np.testing.assert_array_equal(np.diff(inputs, axis=0), 1)
    np.testing.assert_array_equal(targets, inputs + 1)


def test_batches_reach_the_first_and_the_last_character_and_differ_by_step_and_seed():
    train_ids = np.arange(14, dtype=np.int32)
    batches = [training.batch(train_ids, SMALL, step) for step in range(40)]
    assert min(inputs.min() for inputs, _ in batches) == 0
    assert max(targets.max() for _, targets in batches) == 13
    assert len({inputs.tobytes() for inputs, _ in batches}) > 5
    assert any(
        (training.batch(train_ids, replace(SMALL, seed=6), step)[0] != batches[step][0]).any() for step in range(5)
    )


def test_the_shortest_text_that_can_train_does_and_one_character_less_is_refused():
    data = training.prepare("ab" * 6 + "c", SMALL.sequence)  # 13 = 11 + 2
    run(SMALL, data, training.initial_state(SMALL, 3), 2)
    assert training.validate(training.initial_state(SMALL, 3).params, data.held_out, 10).loss > 0
    with pytest.raises(BadInput, match=r"of its 12 characters 10 are for training, and .* 10 need at least 11"):
        training.prepare("ab" * 6, SMALL.sequence)


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
def test_training_lowers_the_loss_under_every_optimizer(optimizer):
    settings = replace(SMALL, batch=16, optimizer=optimizer, learning_rate=training.LEARNING_RATES[optimizer])
    text = "the gates stand three, " * 40
    data = training.prepare(text, settings.sequence)
    state, losses = run(settings, data, training.initial_state(settings, len(data.characters)), 150)
    assert losses[0] == pytest.approx(log(len(data.characters)), rel=0.15)
    score = training.validate(state.params, data.held_out, settings.sequence)
    assert score.loss < data.held_out_entropy - 0.5  # it has learned more than frequencies
    assert score.accuracy > 0.5


@pytest.mark.parametrize(("clip", "bound"), [("norm", 1e-3), ("value", 1e-4)])
def test_clipping_bounds_the_step_after_accumulation(data, clip, bound):
    settings = replace(SMALL, optimizer="sgd", learning_rate=1.0, clip=clip, clip_bound=bound, float64=True)
    with training.precision(settings):
        start = training.initial_state(settings, len(data.characters))
        _, params, _ = training.update(
            settings, start.params, start.optimizer, *training.batch(data.train, settings, 0)
        )
        move = np.concatenate(
            [(a - b).ravel() for a, b in zip(*map(jax.tree.leaves, (params, start.params)), strict=True)]
        )
    size = np.linalg.norm(move) if clip == "norm" else np.abs(move).max()
    assert size == pytest.approx(bound, rel=1e-9)


def test_validation_averages_over_whole_sequences_from_a_zero_state(data, monkeypatch):
    params = params_of(len(data.characters), 6)
    ids = data.held_out[:38]  # 3 sequences of 12 and a rest
    whole = training.validate(params, ids, 12)
    parts = [char_lm.score(params, ids[k : k + 12, None], ids[k + 1 : k + 13, None]) for k in (0, 12, 24)]
    assert whole == pytest.approx(tuple(np.mean([[float(v) for v in part] for part in parts], axis=0)), rel=1e-6)
    monkeypatch.setattr(training, "ROWS", 2)
    assert training.validate(params, ids, 12) == pytest.approx(whole, rel=1e-6)


def test_a_loss_that_is_no_number_stops_the_run(data):
    settings = replace(SMALL, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(BadInput, match=r"the loss is (nan|inf) at step \d+: lower the learning rate"):
        run(settings, data, training.initial_state(settings, len(data.characters)), 20)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"sequence": 0}, "sequence must be at least 1"),
        ({"batch": -2}, "batch must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"batch": 2.0}, "batch must be int"),
        ({"learning_rate": 0.0}, "learning rate must be a positive"),
        ({"learning_rate": float("nan")}, "learning rate must be a positive"),
        ({"clip_bound": -1.0}, "clip bound must be a positive"),
        ({"clip": "hard"}, "clip must be one of value, norm, got 'hard'"),
        ({"optimizer": "adagrad"}, "optimizer must be one of sgd, momentum, adam"),
        ({"gradients": "numeric"}, "gradients must be one of hand, autodiff"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(change, says):
    with pytest.raises(BadInput, match=says):
        training.check(replace(SMALL, **change))


# ----------------------------------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize(
    ("optimizer", "float64"), [("sgd", False), ("momentum", False), ("adam", False), ("adam", True)]
)
def test_a_resumed_run_has_the_very_bits_of_one_that_never_stopped(tmp_path, data, optimizer, float64):
    settings = replace(SMALL, optimizer=optimizer, float64=float64, learning_rate=0.1)
    with training.precision(settings):
        start = training.initial_state(settings, len(data.characters))
    whole, losses = run(settings, data, start, 9)
    half, before = run(settings, data, start, 4)
    checkpoint.write(tmp_path / "c", checkpoint.Checkpoint(settings, data.characters, data.digest, half))
    loaded = checkpoint.read(tmp_path / "c")
    assert loaded[:3] == (settings, data.characters, data.digest)
    assert loaded.state.step == 4
    assert_same_bits(loaded.state, half)
    resumed, after = run(loaded.settings, data, loaded.state, 9)
    assert before + after == losses
    assert_same_bits(resumed, whole)


@pytest.fixture
def saved(tmp_path, data):
    """Path of a good checkpoint."""
    state = training.initial_state(SMALL, len(data.characters))
    checkpoint.write(tmp_path / "c", checkpoint.Checkpoint(SMALL, data.characters, data.digest, state))
    return tmp_path / "c"


def rewritten(path, about=None, **arrays):
    """The checkpoint with some of its metadata or arrays replaced (None: left out)."""
    held = {k: v for k, v in (load_file(path) | arrays).items() if v is not None}
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    kept = json.loads(header["__metadata__"][checkpoint.KEY])
    save_file(held, path, metadata={checkpoint.KEY: json.dumps(kept | (about or {}))})


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


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (no_file, "cannot read .* No such file"),
        (a_pickle, "not a char-lm checkpoint, or it is truncated"),
        (anothers_file, "not a char-lm checkpoint, or it is truncated"),
        (an_empty_file, "not a char-lm checkpoint, or it is truncated"),
        (cut_in_the_header, "not a char-lm checkpoint, or it is truncated"),
        (cut_in_the_data, "not a char-lm checkpoint, or it is truncated"),
        (lambda path: rewritten(path, {"settings": {"hidden": 9, "sequence": 10, "batch": 2}}), "must be float32"),
        (lambda path: rewritten(path, {"settings": {"depth": 9}}), "unexpected keyword argument 'depth'"),
        (lambda path: rewritten(path, {"settings": {"hidden": 10**12}}), "does not fit its own settings"),
        (lambda path: rewritten(path, {"step": -1}), "makes no sense"),
        (lambda path: rewritten(path, {"characters": "ba"}), "makes no sense"),
        (lambda path: rewritten(path, {"characters": 7}), "cannot|can read"),
        (lambda path: rewritten(path, **{"params.head.b": None}), "params.head.b must be .*, and is absent"),
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
        checkpoint.read(saved)
    assert len(str(caught.value).splitlines()) == 1


def test_a_write_that_fails_leaves_the_old_checkpoint_and_no_debris(saved, data, monkeypatch):
    before = saved.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    state = training.initial_state(replace(SMALL, seed=9), len(data.characters))
    with pytest.raises(BadInput, match="No space left"):
        checkpoint.write(saved, checkpoint.Checkpoint(SMALL, data.characters, data.digest, state))
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["c"]


# ----------------------------------------------------------------------------------------------------- the command


def test_the_command_reports_the_held_out_loss_beside_the_frequencies_and_prints_samples(tmp_path):
    result = command(*OPTIONS, "--steps", 6)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    reports = [line for line in lines if line.startswith("step ")]
    assert [line.split(":")[0] for line in reports] == ["step 3", "step 6"]
    assert "nats per character (character frequencies alone: 2.8761), accuracy" in reports[0]
    assert "characters/s" in reports[1]
    assert len("".join(line for line in lines if line.startswith("    "))) > 300  # two samples of 200 characters


def test_a_quiet_command_prints_one_line():
    (line,) = command(*OPTIONS, "--steps", 6, "--quiet").output.splitlines()
    assert line.startswith("step 6: held-out loss")


def test_a_command_that_resumes_ends_with_the_very_file_and_curve_of_one_that_never_stopped(tmp_path):
    whole, part = ["--checkpoint", tmp_path / "a", "--curve", tmp_path / "a.jsonl"], ["--checkpoint", tmp_path / "b"]
    part += ["--curve", tmp_path / "b.jsonl"]
    assert command(*OPTIONS, "--steps", 8, *whole).exit_code == 0
    assert command(*OPTIONS, "--steps", 5, *part).exit_code == 0
    with open(tmp_path / "b.jsonl", "a") as file:  # as after a crash past the last checkpoint
        file.write('{"step": 6, "loss": 99.0}\n{"ste')
    assert command("--steps", 8, "--resume", *part).exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    notes = (tmp_path / "a.jsonl").read_text()
    assert notes == (tmp_path / "b.jsonl").read_text()
    assert [json.loads(line)["step"] for line in notes.splitlines()] == list(range(1, 9))


def test_ctrl_c_saves_a_checkpoint_from_which_the_run_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    assert command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "a").exit_code == 0
    real = training.update
    calls = []

    def update(*given):
        calls.append(1)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(training, "update", update)
    result = command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "b")
    assert result.exit_code == 130
    assert f"Stopped at step 5: saved to {tmp_path / 'b'}, --resume goes on." in result.stderr
    assert checkpoint.read(tmp_path / "b").state.step == 5
    assert command("--steps", 8, "--resume", "--checkpoint", tmp_path / "b").exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_for_the_step(tmp_path, monkeypatch):
    def update(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second was ignored")

    monkeypatch.setattr(training, "update", update)
    result = command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "c")
    assert isinstance(result.exception, SystemExit)
    assert "Aborted" in result.stderr
    assert not (tmp_path / "c").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("owner", ["checkpoint", "curve"])
def test_a_new_run_never_overwrites_a_file(tmp_path, owner):
    (tmp_path / "x").write_text("precious")
    assert "exists already" in refusal(*OPTIONS, "--steps", 2, f"--{owner}", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "precious"


def test_a_resumed_run_never_takes_another_file_for_its_curve(tmp_path):
    (tmp_path / "x").write_text("precious\nwords\n")
    with pytest.raises(BadInput, match="line 1, is no line of a loss curve"), curve(tmp_path / "x", 3):
        pass
    assert (tmp_path / "x").read_text() == "precious\nwords\n"


def test_resuming_refuses_other_settings_another_text_and_nothing_to_do(tmp_path, saved):
    go_on = ("--resume", "--checkpoint", saved)
    assert "hidden 9 contradicts the checkpoint's 8" in refusal(*go_on, "--hidden", 9)
    assert "optimizer sgd contradicts" in refusal(*go_on, "--optimizer", "sgd")
    (tmp_path / "t").write_text("another text, long enough to learn from " * 4)
    assert "trained on another text" in refusal(*go_on, "--text", tmp_path / "t")
    assert command(*go_on, "--hidden", 8, "--steps", 2).exit_code == 0
    assert "stands at step 2 already" in refusal(*go_on, "--steps", 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sequence", 0), "sequence must be at least 1"),
        (("--batch", 0), "batch must be at least 1"),
        (("--hidden", -1), "hidden must be at least 1"),
        (("--steps", 0), "steps must be at least 1"),
        (("--sample-every", -1), "sample-every must not be negative"),
        (("--learning-rate", 0), "learning rate must be a positive"),
        (("--clip-norm", 0), "clip bound must be a positive"),
        (("--clip-norm", 1, "--clip-value", 1), "exclude each other"),
        (("--temperature", 0), "temperature must be positive"),
        (("--seed-text", "~"), "'~'"),
        (("--seed", -1), "seed must be at least 0"),
        (("--resume",), "--resume needs --checkpoint"),
        (("--resume", "--checkpoint", "/nonexistent/c"), "not a folder that can be written"),
        (("--checkpoint", "/nonexistent/c"), "not a folder that can be written"),
        (("--text", "/nonexistent/t"), "cannot read the text /nonexistent/t: No such file"),
        (("--text", "/"), "cannot read the text /: Is a directory"),
    ],
)
def test_the_command_refuses_bad_input_in_one_line(arguments, says):
    assert says in refusal(*arguments)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"a", "at least two distinct characters"),
        (b"aaaaaaaaaaaaaa", "at least two distinct characters; this one holds only the character 'a'"),
        (b"ab", "too short: of its 2 characters 0 are for training"),
        (b"\xff\xfea\x00", "not UTF-8"),
    ],
)
def test_the_command_refuses_a_text_it_cannot_learn_from(tmp_path, content, says):
    (tmp_path / "t").write_bytes(content)
    assert says in refusal("--text", tmp_path / "t")


def test_the_command_can_be_imported_without_anything_heavy():
    code = (
        "import sys, lstm_ref.commands.train; print([m for m in ('jax', 'numpy', 'optax', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
