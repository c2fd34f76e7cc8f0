"""`--report FILE` as a user gives it: every kind of file, several at once, and one clear error before any check
runs."""

from __future__ import annotations

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

RIGHT = """
import pathlib
import numpy as np
pathlib.Path(__file__).with_name("begun").touch()
inputs = {"x": np.array([1.0, 2.0])}
def loss(inputs): return (inputs["x"] ** 3).sum()
def gradients(inputs): return {"x": 3 * inputs["x"] ** 2}
"""


@pytest.fixture
def check(tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT)

    def run(*options, command=("check", "mine.py", "--oracles", "balls")):
        return subprocess.run(
            [sys.executable, "-m", "lstm_ref.cli", *command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_every_kind_of_report_is_written_in_one_run(check, tmp_path):
    done = check("--quiet", "--report", "r.html", "--report", "r.json", "--report", "r.xml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "mine: exact gradient\n", "")
    assert "<h1>mine: " in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["reports"][0]["name"] == "mine"
    assert ElementTree.parse(tmp_path / "r.xml").getroot()[0].attrib["name"] == "mine"
    assert check("--quiet", "--report", "r.html").returncode == 0, "a report of ours is replaced"


def test_a_wrong_gradient_writes_its_report_and_exits_with_1(check, tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT.replace("3 * inputs", "2 * inputs"))
    assert check("--report", "r.xml").returncode == 1
    assert ElementTree.parse(tmp_path / "r.xml").getroot()[0].attrib["failures"] == "1"


def test_the_json_file_is_what_json_prints(check, tmp_path):
    printed = json.loads(check("--json", "--report", "r.json").stdout)
    assert printed == json.loads((tmp_path / "r.json").read_text())


def test_verify_writes_reports_too(check, tmp_path):
    done = check("--report", "r.json", command=("verify", "layer/dense", "--oracles", "balls"))
    assert done.returncode == 0, done.stderr
    assert [r["name"] for r in json.loads((tmp_path / "r.json").read_text())["reports"]] == ["layer/dense"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("r.pdf", "r.pdf: a report file must end in .html, .json, .xml"),
        ("mine.py", "mine.py: a report file must end in .html, .json, .xml"),
        ("nowhere/r.html", "nowhere/r.html: there is no folder nowhere"),
        ("index.html", "index.html: exists and is not a report of lstm_ref: it is left as it is"),
    ],
)
def test_a_file_that_cannot_be_the_report_is_one_line_and_exit_code_2_before_any_check(check, tmp_path, file, message):
    (tmp_path / "index.html").write_text("<p>mine</p>")
    done = check("--report", file)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"lstm-ref: {message}\n")
    assert (tmp_path / "index.html").read_text() == "<p>mine</p>"
    assert not (tmp_path / "begun").exists(), "the derivation file was not even imported"


def test_a_name_with_markup_is_one_quiet_line(check, tmp_path):
    name = "[red]" + "long" * 30 + ".py"
    (tmp_path / name).write_text(RIGHT)
    done = check("--quiet", command=("check", name, "--oracles", "balls"))
    assert done.stdout == f"{name.removesuffix('.py')}: exact gradient\n"
