"""`lstm-ref check` and `verify` as a user runs them: exit codes, one clear line for every bad file, JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = """
import numpy as np
inputs = {"x": np.array([1.0, 2.0])}
def loss(inputs): return (inputs["x"] ** 3).sum()
def gradients(inputs): return {"x": 3 * inputs["x"] ** 2}
"""


def run(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lstm_ref.cli", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def check_text(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "mine.py"
    file.write_text(text)
    return run("check", str(file), *options)


@pytest.mark.parametrize("example, code", [("lstm_numpy", 0), ("gru_jax", 0), ("lstm_mistake", 1)])
def test_gradients_of_the_examples_are_right_right_and_wrong(example, code):
    done = run("check", str(ROOT / "examples" / f"{example}.py"), "--no-color")
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    if code:
        assert "first wrong on the way back: the adjoint of c_node at step 4" in done.stdout
        assert "WRONG: 112 of 112" in done.stdout
    else:
        assert "exact gradient" in done.stdout


def test_json_is_json(tmp_path):
    done = check_text(tmp_path, RIGHT, "--json", "--oracles", "balls,differences")
    report = json.loads(done.stdout)
    assert (done.returncode, report["right"], report["schema"]) == (0, True, 2)
    assert [o["oracle"] for o in report["reports"][0]["inputs"][0]["oracles"]] == ["balls", "differences"]


def test_quiet_is_one_line(tmp_path):
    assert check_text(tmp_path, RIGHT, "--quiet").stdout == "mine: exact gradient\n"


def test_several_derivations_in_one_file_are_classes_and_can_be_named(tmp_path):
    body = "\n".join("    " + line for line in RIGHT.splitlines())
    text = f"class cube:\n{body}\nclass wrong:\n{body.replace('3 * inputs', '2 * inputs')}"
    assert check_text(tmp_path, text, "--quiet").stdout == "mine::cube: exact gradient\nmine::wrong: wrong\n"
    assert run("check", f"{tmp_path / 'mine.py'}::cube", "--quiet").returncode == 0
    assert run("check", f"{tmp_path / 'mine.py'}::other").returncode == 2


BAD_FILES = {
    "": "the file is empty",
    "x = (": "cannot be imported: SyntaxError: '(' was never closed (line 1)",
    "import nothing_like_it": "cannot be imported: ModuleNotFoundError: No module named 'nothing_like_it' (line 1)",
    "x = 1\ny = x / 0": "cannot be imported: ZeroDivisionError: division by zero (line 2)",
    "x = 1": "defines no `inputs`",
    RIGHT.replace("def loss", "def losss"): "loss must be a function, got nothing",
    RIGHT.replace("[1.0, 2.0]", "[1, 2]"): "input x must be an array of floats, got int64",
    RIGHT.replace("[1.0, 2.0]", "[1.0, np.nan]"): "input x is not finite at index (1,)",
    RIGHT.replace('{"x": 3', '{"y": 3'): "returns 'y', which is no input (x)",
    RIGHT.replace("** 2}", "** 2 + np.zeros((3, 2))}"): "the gradient of x must have its shape (2,), got (3, 2)",
    RIGHT.replace('inputs["x"] ** 3', 'inputs["y"] ** 3'): "loss(inputs) fails: KeyError: 'y'",
    RIGHT.replace("return {", "raise SystemExit(3); return {"): "gradients(inputs) fails: SystemExit: 3",
    RIGHT + "nodes = 'x'": "nodes must be a list of input names",
    "def inputs(rng): return 1 / 0": "inputs(generator) fails: ZeroDivisionError",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_is_one_clear_line_and_exit_code_2(tmp_path, text):
    done = check_text(tmp_path, text)
    assert done.returncode == 2, done.stdout
    assert BAD_FILES[text] in done.stderr
    assert done.stderr.startswith("lstm-ref: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("check", "nowhere.py"), "nowhere.py: no such file"),
        (("check", "README.md"), "a derivation file is a Python file"),
        (("check", "x.py", "--oracles", "magic"), "unknown oracle 'magic'"),
        (("check", "x.py", "--digits", "3"), "Invalid value for '--digits'"),
        (("verify", "nothing"), "no derivation is called 'nothing'"),
    ],
)
def test_bad_arguments_are_said_and_exit_with_2(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_proves_the_named_gradients():
    done = run("verify", "layer/dense", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert [r["name"] for r in report["reports"]] == ["layer/dense"]
    assert report["reports"][0]["digits_in_balls"] >= 60


def test_verify_takes_the_name_of_a_cell_for_that_cell_alone():
    done = run("verify", "mgu", "--json", "--oracles", "balls", "--digits", "20")
    names = [r["name"] for r in json.loads(done.stdout)["reports"]]
    assert names == ["cell/mgu", "time/mgu-lengths"]  # and not mgu_keeps


def test_ctrl_c_leaves_cleanly(tmp_path):
    file, begun = tmp_path / "slow.py", tmp_path / "begun"
    file.write_text(
        RIGHT.replace(
            "def loss(inputs): ",
            f"import pathlib, time\ndef loss(inputs): pathlib.Path({str(begun)!r}).touch(); time.sleep(0.2); ",
        )
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lstm_ref.cli", "check", str(file)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip() == "lstm-ref: interrupted"


def test_help_answers_without_jax():
    code = "import sys\nfrom lstm_ref import cli\nassert 'jax' not in sys.modules, 'jax was imported'"
    subprocess.run([sys.executable, "-c", code], check=True)
