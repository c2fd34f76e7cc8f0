"""Derivation files that imitate other authors' code; the public command must judge each as its first lines say.

A file begins with comments: `expect:` its exit code (0 right, 1 wrong, 2 undecided or impossible to check; `1 or 2`),
`says:` and `never:` words that the answer must and must not contain, `needs:` modules it requires, `options:` of the
command; then a line on its purpose. The start of a file's name is its kind. Files without an expectation are neighbours
that another file imports.
"""

from __future__ import annotations

import io
import json
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
import pytest

from lstm_ref import cli

FILES = Path(__file__).parent / "files"
SLOW = 3.0
"""Seconds: who takes longer is printed. The whole is to take less than 150 s on one core, and there are over 300."""
VERDICTS = {
    0: (": exact gradient", ": intended estimator"),
    1: (": wrong",),
    2: (": undecided", "lstm-ref: "),
    130: ("lstm-ref: ",),
}
"""What the answer says beside each exit code."""
ONLY = {"expect", "says", "never", "needs", "options"}


def expectation(file: Path) -> dict[str, list[str]]:
    """What the comments at the head of a file say, by their key; what the file shows, under `shows`."""
    found: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        key, colon, value = line[1:].strip().partition(":")
        known = bool(colon) and key in ONLY
        found.setdefault(key if known else "shows", []).append(value.strip() if known else line[1:].strip())
    return found


STRANGERS = {
    file.relative_to(FILES).with_suffix("").as_posix(): file
    for file in sorted(FILES.rglob("*.py"))
    if "expect" in expectation(file)
}


@pytest.fixture(autouse=True, scope="module")
def one_thread_of_torch():
    """Several wait for one another where the machine is busy."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def run(monkeypatch, capfd):
    """The command, in this process: exit code, standard output and standard error. What a file switches is put back."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO())  # which exit() closes
    in_float64, errors, path = jax.config.jax_enable_x64, np.geterr(), list(sys.path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["lstm-ref", *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SystemExit) as left:
                cli.main()
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    yield call
    jax.config.update("jax_enable_x64", in_float64)
    np.seterr(**errors)
    sys.path[:] = path


@pytest.mark.parametrize("name", STRANGERS)
def test_a_strangers_file_is_judged_rightly(name, run, capfd):
    file = STRANGERS[name]
    expected = expectation(file)
    for module in expected.get("needs", []):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    started = time.perf_counter()
    code, out, err = run("check", str(file), *" ".join(expected.get("options", [])).split())
    seconds = time.perf_counter() - started
    if seconds > SLOW:
        with capfd.disabled():
            print(f"\nslow: {name}, {seconds:.1f} s")
    answer = f"{out}\n{err}"
    words = " ".join(answer.split())
    assert str(code) in expected["expect"][0].split(" or "), f"exit code {code}: {expected['shows']}\n{answer}"
    for said in expected.get("says", []):
        assert said in words, f"not said: {said}\n{answer}"
    for said in ("Traceback", *expected.get("never", [])):
        assert said not in words, f"said: {said}\n{answer}"
    assert "\x1b" not in answer
    if "--json" in " ".join(expected.get("options", [])):
        json.loads(out)
    else:
        assert any(said in words for said in VERDICTS[code]), f"exit code {code} and another verdict\n{answer}"


def test_of_two_neighbours_of_one_name_each_file_has_its_own(run):
    files = [FILES / "neighbours" / folder / "derivation_x.py" for folder in ("m1", "m2", "m1", "m2")]
    assert [run("check", str(file), "--quiet")[0] for file in files] == [0, 1, 0, 1]


def test_right_and_wrong_are_in_equal_parts():
    codes = [expectation(file)["expect"][0] for file in STRANGERS.values()]
    assert len(codes) >= 130
    assert min(codes.count("0"), codes.count("1")) >= 50
    assert codes.count("2") >= 15
    assert abs(codes.count("0") - codes.count("1")) <= 0.1 * len(codes)


def test_every_file_says_what_it_shows_and_nothing_that_is_not_read():
    for name, file in STRANGERS.items():
        expected = expectation(file)
        assert len(expected.get("shows", [])) >= 1, name
        assert set(expected["expect"][0].split(" or ")) <= {"0", "1", "2", "130"}, name
        assert not any(line.split(":")[0] in ONLY for line in expected["shows"]), name
