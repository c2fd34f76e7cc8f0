"""The command `python -m benchmarks`: its help, its errors, its comparison of two records."""

import json

import pytest

from benchmarks import COMMANDS, QUESTIONS, __main__
from benchmarks.compare import FASTER, GONE, LARGER, NEW, SLOWER, WRONG, changes
from benchmarks.harness import write


def row(name="lstm_ref", seconds=1.0, spread=0.1, **more):
    return {"question": "gradient", "what": "w", "name": name, "T": 5, "seconds": seconds, "spread": spread} | more


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["benchmarks", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            __main__.main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def records(tmp_path):
    def make(**rows):
        for name, found in rows.items():
            write(tmp_path / f"{name}.json", {"jax": name}, found)
        return [tmp_path / f"{name}.json" for name in rows]

    return make


def test_a_row_that_became_slower_is_named(call, records):
    old = [row("a"), row("b"), row("c")]
    new = [row("a", 1.09), row("b", 1.2), row("c", 0.8)]
    code, out, _ = call("--compare", *records(old=old, new=new))
    assert code == 1
    assert "slower: gradient, w, b, T=5" in out
    assert "faster: gradient, w, c, T=5" in out
    assert "1.20" in out
    assert "jax: old → new" in out
    assert "3 rows, 2 moved" in out


def test_nothing_slower_is_exit_code_0(call, records):
    code, out, _ = call("--compare", *records(old=[row()], new=[row(seconds=0.5)]))
    assert code == 0
    assert "1 rows, 1 moved" in out


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (row(seconds=1.09, spread=0.05), ""),
        (row(seconds=1.2, spread=0.3), ""),
        (row(seconds=1.2), SLOWER),
        (row(seconds=0.8), FASTER),
        ({k: v for k, v in row().items() if k not in ("seconds", "spread")} | {"wrong": "2 digits"}, WRONG),
        (row(T=6), None),
    ],
)
def test_a_row_has_moved_where_medians_differ_by_more_than_the_larger_spread(new, verdict):
    found = [one.verdict for one in changes([row()], [new])]
    assert found == ([GONE, NEW] if verdict is None else [verdict])


def test_memory_has_no_spread(call, records):
    old, new = row(peak_bytes=10_000_000), row(peak_bytes=10_100_000)
    assert [(one.measure, one.verdict) for one in changes([old], [new])] == [("seconds", ""), ("peak_bytes", LARGER)]
    code, out, _ = call("--compare", *records(old=[old], new=[new]))
    assert code == 1
    assert "10.1 MB" in out


def test_rows_without_a_time_are_not_compared():
    fit = {"question": "scaling", "what": "exponent in T", "name": "a", "exponent": 1.0}
    assert changes([fit], [fit]) == []


def test_the_help_lists_every_question(call):
    code, out, _ = call("--help")
    assert code == 0
    for name in (*QUESTIONS, *COMMANDS):
        assert name in out
    assert "One gradient of an LSTM at five sizes" in out


def test_bad_input_is_one_line(call, tmp_path):
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "other.json").write_text("{}")
    twice = {"generator": "lstm_ref benchmarks", "environment": {}, "rows": [row(), row()]}
    (tmp_path / "twice.json").write_text(json.dumps(twice))
    for arguments, says in (
        (["speed"], "no question is called 'speed'; there are gradient, "),
        (["--device", "tpu"], "'tpu' is not one of"),
        (["gradient", "--device", "gpu"], "--device gpu: JAX finds none here"),
        (["gradient", "--out", tmp_path / "none"], "is no folder that can be written"),
        (["gpu"], "gpu: kernels are timed on a GPU"),
        (["gradient", "--read", "x.json"], "name no question"),
        (["--runs", "2", "--read", "x.json"], "and no --runs"),
        (["gradient", "--device", "gpu", "--runs", "2"], "a GPU is held by one process"),
        (["--read", tmp_path / "none.json"], "none.json: cannot be read"),
        (["--read", tmp_path / "text.json"], "text.json: is not JSON"),
        (["--read", tmp_path / "other.json"], "other.json: is no record"),
        (["--compare", tmp_path / "twice.json", tmp_path / "twice.json"], "two of its rows are about the same thing"),
    ):
        code, out, err = call(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
        assert says in err


def test_what_cannot_be_asked_here_is_no_failure_where_all_are_asked(call, monkeypatch):
    import benchmarks.gradient_speed

    monkeypatch.setattr(benchmarks.gradient_speed, "RUNS", 1)
    monkeypatch.setattr(benchmarks.gradient_speed, "measure", lambda setting: [row()])
    monkeypatch.setattr(__main__, "QUESTIONS", {name: QUESTIONS[name] for name in ("gpu", "gradient")})
    code, out, err = call()
    assert code == 0
    assert "1 s" in out
    assert "gpu: kernels are timed on a GPU" in err


def test_a_file_is_never_overwritten_and_that_is_said_before_any_work(call, tmp_path, monkeypatch):
    import benchmarks.gradient_speed

    monkeypatch.setattr(benchmarks.gradient_speed, "RUNS", 1)
    monkeypatch.setattr(benchmarks.gradient_speed, "measure", lambda setting: [row()])
    code, out, _ = call("gradient", "--out", tmp_path)
    assert code == 0
    (record,) = tmp_path.glob("gradient_cpu_*_cores.json")
    assert str(record) in out
    before = record.read_text()
    assert call("--read", record)[0] == 0
    monkeypatch.delattr(benchmarks.gradient_speed, "measure")
    code, _, err = call("gradient", "--out", tmp_path)
    assert code == 2
    assert f"{record} exists already" in err
    assert record.read_text() == before
