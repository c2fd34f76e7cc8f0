"""`lstm-ref train` and `lstm-ref predict`: what they print, save, resume and refuse."""

import json
import re
import resource
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from jax.errors import JaxRuntimeError
from safetensors.numpy import load_file

from lstm_ref.commands import train as commands
from lstm_ref.commands.predict import predict
from lstm_ref.commands.train import train
from lstm_ref.errors import BadInput
from lstm_ref.tasks import NAMES
from lstm_ref.tasks.char_lm import TASK
from lstm_ref.training import checkpoint
from lstm_ref.training import run as training

OPTIONS = ["--hidden", "8", "--sequence", "10", "--batch", "2", "--seed", "5", "--validate-every", "3"]


def command(*arguments, model="char-lm", of=train, **more):
    return CliRunner().invoke(of, [model, *map(str, arguments)], **more)


def refusal(*arguments, **more):
    """The one line with which the command refuses."""
    result = command(*arguments, **more)
    assert isinstance(result.exception, BadInput), (result.output, result.exception)
    (line,) = str(result.exception).splitlines()
    return line


def test_the_command_tells_what_is_to_beat_and_how_it_goes_and_prints_samples():
    result = command(*OPTIONS, "--steps", 7)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "3,638 characters to learn from, 404 held out; 44 different ones"
    assert lines[1] == "2,092 parameters: lstm 1,696, head 396"
    assert lines[2] == "to beat, held out: character frequencies alone: loss 2.8761"
    reports = [line for line in lines if line.startswith("step ")]
    assert [line.split(":")[0] for line in reports] == ["step 3", "step 6", "step 7"]
    assert "symbols/s" in reports[2]
    assert len("".join(line for line in lines if line.startswith("    "))) > 500  # three samples of 200 characters


def test_a_quiet_command_prints_one_line():
    (line,) = command(*OPTIONS, "--steps", 6, "--quiet").output.splitlines()
    assert line.startswith("step 6: held-out loss")


def test_early_stop_says_so_and_a_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    rate = ("--learning-rate", 1, "--optimizer", "sgd", "--clip", "none", "--patience", 1)
    result = command(*OPTIONS, "--steps", 600, "--quiet", "--plot", tmp_path / "x.svg", *rate)
    assert ", stopped early: held-out loss" in result.output
    assert "best, at step" in result.output
    assert (tmp_path / "x.svg").exists()


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
    lines = [json.loads(line) for line in notes.splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 9))
    assert [line["step"] for line in lines if "held_out" in line] == [3, 6]


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
    assert f"Stopped at step 5: saved to {tmp_path / 'b'}; --resume continues from there." in result.stderr
    assert checkpoint.read(tmp_path / "b", TASK).state.step == 5
    assert command("--steps", 8, "--resume", "--checkpoint", tmp_path / "b").exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_for_the_step(tmp_path, monkeypatch):
    def update(*_):
        signal.raise_signal(signal.SIGINT)
        time.sleep(commands.TOGETHER + 0.05)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second was ignored")

    monkeypatch.setattr(training, "update", update)
    result = command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "c")
    assert isinstance(result.exception, SystemExit)
    assert "Aborted" in result.stderr
    assert not (tmp_path / "c").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_last_step_changes_nothing(tmp_path, monkeypatch):
    real = training.update

    def update(*given):
        signal.raise_signal(signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(training, "update", update)
    result = command(*OPTIONS, "--steps", 1, "--checkpoint", tmp_path / "c", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith("step 1: held-out loss")


def in_step(number, act):
    """`training.update`, which does something more before the step of that number."""
    real, calls = training.update, []

    def update(*given):
        calls.append(1)
        if len(calls) == number:
            act()
        return real(*given)

    return update


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_run_that_is_told_to_end_is_saved_though_it_is_told_twice_at_once_as_timeout_does(
    tmp_path, monkeypatch, name
):
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def twice():
        signal.raise_signal(number)
        signal.raise_signal(number)

    monkeypatch.setattr(training, "update", in_step(2, twice))
    result = command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "c", "--curve", tmp_path / "x")
    assert result.exit_code == 128 + number
    assert checkpoint.read(tmp_path / "c", TASK).state.step == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "x"]
    assert signal.getsignal(number) == before


def test_a_hang_up_that_nohup_holds_off_stays_held_off(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(training, "update", in_step(2, lambda: signal.raise_signal(signal.SIGHUP)))
        assert command(*OPTIONS, "--steps", 3, "--quiet").output.startswith("step 3: held-out loss")
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def no_more():
    """Sets the largest size that a file may have: a disk that is full, as far as files are concerned."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path, monkeypatch, no_more):
    files = ["--checkpoint", tmp_path / "c", "--curve", tmp_path / "x"]
    acts = iter([lambda: no_more(50)] + [lambda: None] * 3 + [lambda: no_more(resource.RLIM_INFINITY)])
    real = training.update
    monkeypatch.setattr(training, "update", lambda *given: (next(acts, lambda: None)(), real(*given))[1])
    result = command(*OPTIONS, "--steps", 6, *files)  # SIGXFSZ is ignored by Python, so that writing is an error
    assert result.exit_code == 0, result.output
    complaints = [line for line in result.stderr.splitlines() if "cannot be written" in line]
    assert len(complaints) == 2
    assert "c: cannot be written: File too large; the run continues" in result.stderr
    assert checkpoint.read(tmp_path / "c", TASK).state.step == 6
    notes = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
    assert [note["step"] for note in notes if "loss" in note] == list(range(1, 7))


def test_a_curve_that_could_not_be_finished_is_told_and_the_run_is_saved(tmp_path, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("lstm_ref.training.curve.open", lambda *_, **__: Full(), raising=False)
    result = command(*OPTIONS, "--steps", 2, "--checkpoint", tmp_path / "c", "--curve", tmp_path / "x")
    assert str(result.exception) == f"{tmp_path / 'x'}: its last 2 lines are missing: No space left on device"
    assert checkpoint.read(tmp_path / "c", TASK).state.step == 2


def fail(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 33333333333 bytes."),
        OSError(5, "Input/output error"),
        BrokenPipeError(),
    ],
)
def test_what_was_learned_is_kept_when_memory_runs_out_or_nobody_reads_the_output(tmp_path, monkeypatch, error):
    monkeypatch.setattr(training, "update", in_step(2, fail(error)))
    result = command(*OPTIONS, "--steps", 8, "--checkpoint", tmp_path / "c")
    if isinstance(error, (MemoryError, JaxRuntimeError)):
        assert isinstance(result.exception, BadInput)
        assert str(result.exception) == "there is not enough memory for these sizes"
    assert result.exit_code == 1  # of the runner; the command makes 2 of a BadInput
    assert checkpoint.read(tmp_path / "c", TASK).state.step == 1


def test_sizes_beyond_all_memory_are_refused_in_one_line():
    for hidden in (10**9, 2**31 - 1):
        assert refusal("--hidden", hidden) == "there is not enough memory for these sizes"


HOLD = """
import sys, time
from lstm_ref.training.alone import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_training_on_the_files_of_a_first_is_refused_and_a_killed_one_leaves_them_free(tmp_path, saved):
    (tmp_path / "link").symlink_to(saved)
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "link"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        go_on = ["--resume", "--checkpoint", saved, "--steps", 3]
        says = f"{saved} is in use by another training, process {process.pid}: wait for it, or stop it"
        assert refusal(*go_on) == says
        assert refusal("--steps", 2, "--curve", saved) == says
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert command(*go_on).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "link"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("owner", ["checkpoint", "curve"])
@pytest.mark.parametrize("letter", ["x", "я"])
def test_a_name_of_255_bytes_will_do_and_a_longer_one_is_refused_before_anything_is_trained(tmp_path, owner, letter):
    name = letter * (255 // len(letter.encode()))
    assert command(*OPTIONS, "--steps", 1, f"--{owner}", tmp_path / name).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    long = tmp_path / (letter * 300)
    assert refusal(*OPTIONS, "--steps", 1, f"--{owner}", long) == f"{long}: cannot be written: File name too long"


@pytest.mark.parametrize(("owner", "name"), [("checkpoint", "x"), ("curve", "x"), ("plot", "x.svg")])
def test_a_new_run_never_overwrites_a_file(tmp_path, owner, name):
    (tmp_path / name).write_text("precious")
    assert "exists already" in refusal(*OPTIONS, "--steps", 2, f"--{owner}", tmp_path / name)
    assert (tmp_path / name).read_text() == "precious"


@pytest.fixture
def saved(tmp_path):
    """A run of one step."""
    assert command(*OPTIONS, "--steps", 1, "--checkpoint", tmp_path / "c").exit_code == 0
    return tmp_path / "c"


def test_resuming_refuses_other_settings_another_text_and_nothing_to_do(tmp_path, saved):
    go_on = ("--resume", "--checkpoint", saved)
    assert "hidden 9 contradicts the checkpoint's 8" in refusal(*go_on, "--hidden", 9)
    assert "optimizer sgd contradicts" in refusal(*go_on, "--optimizer", "sgd")
    (tmp_path / "t").write_text("another text, long enough to learn from " * 4)
    assert "trained on other data" in refusal(*go_on, "--data", tmp_path / "t")
    assert command(*go_on, "--hidden", 8, "--steps", 2).exit_code == 0
    assert "is already at step 2" in refusal(*go_on, "--steps", 2)
    assert "is not a classifier checkpoint" in refusal(*go_on, model="classifier")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sequence", 0), "sequence must be at least 1"),
        (("--batch", 0), "batch must be at least 1"),
        (("--hidden", -1), "hidden must be at least 1"),
        (("--steps", 0), "steps must be at least 1"),
        (("--validate-every", -1), "validate every must be at least 0"),
        (("--learning-rate", 0), "learning rate must be a positive"),
        (("--clip-bound", 0), "clip bound must be a positive"),
        (("--temperature", 0), "temperature must be a positive"),
        (("--length", -1), "length must be at least 0"),
        (("--seed", -1), "seed must be at least 0"),
        (("--resume",), "--resume needs --checkpoint"),
        (("--resume", "--checkpoint", "/nonexistent/c"), "/nonexistent: no such folder"),
        (("--checkpoint", "/nonexistent/c"), "/nonexistent: no such folder"),
        (("--plot", "x.pdf"), "must be named *.svg or *.png"),
        (("--checkpoint", ""), "the name of a file to write is empty"),
        (("--checkpoint", "/etc/passwd/c"), "/etc/passwd: no such folder"),
        (("--checkpoint", "x.png", "--plot", "x.png"), "must be different files, and x.png is given twice"),
        (("--data", "a", "--data", "./a"), "--data must be different files, and ./a is given twice"),
        (("--patience", 2, "--validate-every", 0), "patience counts validations"),
        (("--seed", 2**70), "seed must be at most"),
        (("--batch", 2**40), "batch must be at most 2147483647"),
        (("--data", "/nonexistent/t"), "cannot read the text /nonexistent/t: No such file"),
        (("--data", "/"), "cannot read the text /: Is a directory"),
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
    assert says in refusal("--data", tmp_path / "t")


def test_a_model_that_is_no_number_is_not_saved(tmp_path):
    rate = ("--optimizer", "sgd", "--learning-rate", 1e38, "--clip", "none")
    says = refusal(*OPTIONS, *rate, "--steps", 1, "--checkpoint", tmp_path / "c")
    assert re.search(r"the held-out loss is (nan|inf) at step 1: lower the learning rate", says)
    assert not (tmp_path / "c").exists()


def test_a_run_that_was_stopped_early_goes_no_further(tmp_path):
    given = (
        "--learning-rate",
        1,
        "--optimizer",
        "sgd",
        "--clip",
        "none",
        "--patience",
        1,
        "--checkpoint",
        tmp_path / "c",
    )
    assert command(*OPTIONS, "--steps", 600, *given).exit_code == 0
    assert "was stopped early at step" in refusal("--resume", "--checkpoint", tmp_path / "c", "--steps", 9999)


TINY = ["--hidden", 8, "--embedding", 4, "--steps", 2]


@pytest.mark.parametrize(
    ("model", "name", "content", "says"),
    [
        ("classifier", "x.csv", "1,a,Positive,good\n", "texts of two classes or more, got 1 texts of 1"),
        ("classifier", "x.csv", "1,a,Positive,good\n2,a,Negative,bad\n", "too few texts to hold some out"),
        ("classifier", "x.txt", "good\nbad\n", "one text a line holds one class"),
        ("tagger", "x.bio", "a\tO\n", "two sentences or more, got 1"),
        ("tagger", "x.bio", "a\n", "two sentences or more, got 0; .*line 1: it has 1 column"),
        ("tagger", "x.bio", "a\tO\n\nb\tO\n", "two tags or more to tell apart, got O"),
        ("translation", "x.tsv", "one\teins\n", "two pairs or more of at most 60 words, got 1"),
    ],
)
def test_data_without_anything_to_learn_is_refused_in_one_line(tmp_path, model, name, content, says):
    (tmp_path / name).write_text(content)
    assert re.search(says, refusal("--data", tmp_path / name, model=model))


def test_rows_that_are_left_out_are_told_with_their_lines(tmp_path):
    (tmp_path / "x.tsv").write_text("".join(f"{k}\tn{k}\n" for k in range(9)) + "lost\n\tnothing\nlost again\n")
    result = command(*TINY, "--data", tmp_path / "x.tsv", model="translation")
    assert result.exit_code == 0, result.output
    assert "x.tsv, lines 10, 12: it has 1 column, but source and target need 2" in result.stderr
    assert "x.tsv, line 11: its source is empty" in result.stderr
    assert "3 bad rows in all" in result.stderr


def test_test_rows_of_what_was_not_learned_are_told(tmp_path):
    for name, text in (("x.pos", "good\nfine\n" * 9), ("x.neg", "bad\nawful\n" * 9), ("x.neu", "so\n" * 3)):
        (tmp_path / name).write_text(text)
    data = [option for kind in ("pos", "neg") for option in ("--data", tmp_path / f"x.{kind}")]
    tests = [option.replace("data", "test") if option == "--data" else option for option in data]
    result = command(*TINY, *data, *tests, "--test", tmp_path / "x.neu", model="classifier")
    assert "3 texts are of the class neu, which was not learned" in result.stderr
    (tmp_path / "x.bio").write_text("a\tO\nb\tB-X\n\n" * 3)
    (tmp_path / "y.bio").write_text("a\tI-Y\n")
    given = ("--data", tmp_path / "x.bio", "--test", tmp_path / "y.bio")
    result = command(*TINY, *given, model="tagger")
    assert "1 tokens have the tag I-Y, which was not learned" in result.stderr
    assert "nan" not in result.output


# -------------------------------------------------------------------------------------------------------- predict


def test_a_classifier_that_reads_by_attention_in_both_directions_is_saved_and_predicts_as_such(tmp_path):
    sizes = ["--hidden", 4, "--embedding", 3, "--units", "char", "--read", "attention", "--both", "--steps", 2]
    result = command(*sizes, "--checkpoint", tmp_path / "c", model="classifier")
    assert result.exit_code == 0, result.output
    assert "attention 40" in result.output  # 2H·A + 2A, A = H = 4
    assert "to beat, held out: the most frequent class: accuracy" in result.output
    assert {"params.cell.onward.w_x", "params.cell.back.w_x", "params.attention.v"} <= set(load_file(tmp_path / "c"))
    told = json.loads(command("--checkpoint", tmp_path / "c", "--json", "good", model="classifier", of=predict).output)
    assert told["class"] in ("negative", "positive")
    more = ("--resume", "--checkpoint", tmp_path / "c", "--steps", 3)
    assert "read max contradicts the checkpoint's attention" in refusal(*more, "--read", "max", model="classifier")
    assert command(*more, "--quiet", model="classifier").exit_code == 0


def test_every_model_trains_is_saved_and_predicts(tmp_path):
    texts = {"char-lm": "the", "classifier": "the film is good", "tagger": "我爱北京", "translation": "ninety six"}
    keys = {
        "char-lm": {"text", "continued"},
        "classifier": {"text", "class", "probability"},
        "tagger": {"text", "tokens", "tags"},
        "translation": {"text", "translation"},
    }
    for model in NAMES:
        sizes = ["--hidden", 8, "--steps", 2, "--quiet", *(["--embedding", 4] if model != "char-lm" else [])]
        result = command(*sizes, "--checkpoint", tmp_path / model, model=model)
        assert result.exit_code == 0, result.output
        given = ("--checkpoint", tmp_path / model, "--json", texts[model])
        told = json.loads(command(*given, model=model, of=predict).output)
        assert set(told) == keys[model]
        assert told["text"] == texts[model]


def test_texts_are_arguments_or_the_lines_of_standard_input_and_a_sample_is_a_function_of_its_seed(saved):
    ask = ("--checkpoint", saved, "--length", 20, "--temperature", 2)
    one = command(*ask, "the ", of=predict).output
    assert one == command(*ask, of=predict, input="the \n").output
    assert one.startswith("the ")
    assert one != command(*ask, "--sample-seed", 1, "the ", of=predict).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("~",), "'~'"),
        (("a", ""), "text 2 of 2 is empty"),
        (("--length", str(10**9), "a"), "length must be at most 1000000"),
        (("\udcff",), "the texts are not UTF-8"),
        (("--temperature", "0", "a"), "temperature must be a positive"),
        ((), "there is no text"),
    ],
)
def test_a_prediction_refuses_what_it_cannot_do(saved, arguments, says):
    assert says in refusal("--checkpoint", saved, *arguments, of=predict)


@pytest.mark.parametrize("temperature", ["1e-300", "1e300"])
def test_any_temperature_gives_a_sample(saved, temperature):
    result = command("--checkpoint", saved, "--length", 30, "--temperature", temperature, "the", of=predict)
    assert result.exit_code == 0
    assert len(result.output) > 20


def test_a_checkpoint_of_another_model_is_refused_by_name(saved):
    assert "it is a checkpoint of the model char-lm" in refusal("--checkpoint", saved, "a", model="tagger", of=predict)


@pytest.mark.parametrize("name", ["train", "predict"])
def test_the_command_can_be_imported_and_listed_without_anything_heavy(name):
    code = (
        f"import sys; from click.testing import CliRunner; from lstm_ref.commands.{name} import {name};"
        f"CliRunner().invoke({name}, ['--help']);"
        "print([m for m in ('jax', 'numpy', 'optax', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
