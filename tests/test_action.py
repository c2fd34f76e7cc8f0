"""The GitHub Action: its steps run as a shell would run them, and what they tell GitHub is at the user's line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from processes import environment

from lstm_ref.reporting.annotations import annotation, named_line, of_error

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]

CUBE = """import numpy as np
inputs = {"x": np.array([0.5, 1.5])}
def loss(inputs): return (inputs["x"] ** 3).sum()
def gradients(inputs): return {"x": 3 * inputs["x"] ** 2}
"""


@pytest.fixture
def job(tmp_path):
    """A job that has checked out a repository. `python` is this one, but that pip only notes what it is asked for."""
    (tmp_path / "lstm.py").write_text(CUBE)
    (tmp_path / "wrong.py").write_text(CUBE.replace("3 * inputs", "2 * inputs"))
    (tmp_path / "broken.py").write_text(CUBE + "1 / 0\n")
    shell = tmp_path / "bin" / "python"
    shell.parent.mkdir()
    shell.write_text(
        f'#!/bin/sh\nif [ "$2" = pip ]; then echo "$@" >> "{tmp_path}/pip"; else exec "{sys.executable}" "$@"; fi\n'
    )
    shell.chmod(0o755)
    return tmp_path


def run_step(name, job, **inputs):
    """One step's script, with its environment filled in as the runner does; what it prints, its code, its outputs."""
    (step,) = [s for s in STEPS if s.get("name") == name]
    given = {key: value.get("default", "") for key, value in ACTION["inputs"].items()} | inputs
    values = {f"inputs.{key}": value for key, value in given.items()} | {"github.action_path": "/action"}
    own = {k: re.sub(r"\$\{\{ (.*?) \}\}", lambda m: values[m[1]], v) for k, v in step.get("env", {}).items()}
    own |= {
        "PATH": f"{job / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(job / "outputs"),
        "GITHUB_STEP_SUMMARY": str(job / "summary.md"),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as `shell: bash` does
    done = subprocess.run(
        command, cwd=job, env=environment(**own), capture_output=True, text=True, timeout=300, check=False
    )
    outputs = (job / "outputs").read_text() if (job / "outputs").exists() else ""
    return done.stdout, done.returncode, dict(line.split("=", 1) for line in outputs.splitlines())


def test_no_input_is_pasted_into_a_script():
    """An input in `run` is code that whoever sets it may write; through the environment it is only text."""
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_the_jobs_own_python_is_kept_unless_another_is_asked_for(job):
    assert STEPS[0]["if"] == "inputs.python-version != ''"
    assert ACTION["inputs"]["python-version"]["default"] == ""
    _, code, outputs = run_step("Look at the job's Python", job)
    assert (code, outputs["version"]) == (0, sys.version.split()[0])


def test_an_old_python_is_an_error_that_says_what_to_do(job):
    (job / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    printed, code, _ = run_step("Look at the job's Python", job)
    assert code == 2
    assert printed.startswith("::error::lstm_ref needs Python 3.11 or later: run actions/setup-python before")


@pytest.mark.parametrize(
    ("inputs", "asked"),
    [
        ({}, "/action"),
        ({"requirements": "my needs.txt"}, "/action -r my needs.txt"),
        ({"install": "-e . jax[cpu]"}, "/action -e . jax[cpu]"),
        ({"install": "x; touch owned"}, "/action x; touch owned"),
    ],
)
def test_what_the_files_import_is_installed_beside_the_package(job, inputs, asked):
    (job / "jaxc").touch()  # which jax[cpu] would stand for as a pattern
    _, code, _ = run_step("Install lstm_ref and what the files import", job, **inputs)
    assert code == 0
    assert (job / "pip").read_text() == f"-m pip install --quiet {asked}\n"
    assert not (job / "owned").exists()


def test_what_cannot_be_installed_is_2_and_says_so(job):
    """pip ends with 1, which would mean a wrong gradient."""
    (job / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    printed, code, _ = run_step("Install lstm_ref and what the files import", job, install="no-such-package")
    assert code == 2
    assert printed.startswith("::error::lstm_ref: pip could not install")


@pytest.mark.parametrize(("files", "code"), [("lstm.py\nbroken.py wrong.py none.py", 1), ("$(>owned)", 2)])
def test_wrong_is_1_and_what_cannot_be_checked_is_2(job, files, code):
    printed, given, outputs = run_step("Check the gradients", job, files=files, digits="30")
    assert (given, outputs["code"]) == (code, str(code)), printed
    assert not (job / "owned").exists()
    summary = (job / "summary.md").read_text()
    assert ("exact gradient" in summary) == ("lstm.py" in files)
    assert ("wrong  (" in summary) == ("wrong.py" in files)
    marked = re.findall(r"^::error file=(.*),line=(\d+),title=lstm_ref%3A (.*?)::", printed, re.M)
    expected = {
        "wrong.py": ("wrong.py", "4", "wrong gradient"),  # where the claim begins
        "broken.py": ("broken.py", "5", "the check could not be made"),  # what raised the error
        "none.py": ("none.py", "1", "the check could not be made"),
        "$(>owned)": ("$(>owned)", "1", "the check could not be made"),
    }
    assert {expected[file] for file in files.split() if file in expected} <= set(marked)
    if files.startswith("lstm.py"):
        assert json.loads((job / "lstm-ref-report" / "1.json").read_text())["right"]
        assert (job / "lstm-ref-report" / "1.html").exists()


def test_the_users_own_wrong_line_is_marked(job):
    shutil.copy(ROOT / "docs" / "tutorial.md", job / "tutorial.md")
    text = re.search(r"```python\n(# rnn.py\n.*?)```", (job / "tutorial.md").read_text(), re.S)[1]
    (job / "cells").mkdir()
    (job / "cells" / "rnn.py").write_text(text.replace("h_bar = h_bar + hs_bar[t]", "h_bar = hs_bar[t]"))
    printed, code, _ = run_step("Check the gradients", job, files="cells/*.py")
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("::")]
    number = 1 + text.splitlines().index('        h = np.tanh(x @ inputs["W"] + h @ inputs["U"])')
    assert line.startswith(
        f"::error file=cells/rnn.py,line={number},title=lstm_ref%3A wrong gradient::rnn: what h hands"
    )


@pytest.mark.parametrize(("twice", "marked"), [(False, "mine/layers.py,line=7"), (True, "derivations/x.py,line=1")])
def test_a_line_of_the_users_package_is_marked_there_if_one_file_has_that_name(job, monkeypatch, twice, marked):
    """What is installed in the checkout, as a virtual environment, is not the user's."""
    monkeypatch.chdir(job)
    for folder in ["mine", ".venv/lib/site-packages/other", "derivations", *["build/lib/mine"] * twice]:
        (job / folder).mkdir(parents=True)
        (job / folder / ("x.py" if folder == "derivations" else "layers.py")).write_text("pass\n")
    place = named_line(Path("derivations/x.py"), ["another activation's derivative, in layers.py:7  y = tanh(a)"])
    file, line = place or (Path("derivations/x.py"), 1)
    assert f"{file},line={line}" == marked


def test_an_error_in_a_neighbour_is_marked_there(job):
    (made,) = of_error(job / "lstm.py", "noise\nlstm-ref: lstm: loss fails: KeyError: 'x' (wrong.py, line 3)\n")
    assert made.startswith(f"::error file={job / 'wrong.py'},line=3,")
    (made,) = of_error(job / "lstm.py", "")
    assert made.startswith(f"::error file={job / 'lstm.py'},line=1,")


def test_no_word_of_a_user_begins_a_command():
    made = annotation(Path("a,b:c.py"), 1, "t", "100 %\n::error::mine")
    assert made == "::error file=a%2Cb%3Ac.py,line=1,title=t::100 %25%0A::error::mine"
    assert "\n" not in made


def test_an_artifact_has_a_name_of_its_own_in_a_matrix():
    """A second upload under one name fails."""
    (keep,) = [s for s in STEPS if "upload-artifact" in s.get("uses", "")]
    assert keep["if"] == "always()"
    assert "github.job, strategy.job-index" in keep["with"]["name"]
    assert keep["with"]["name"].startswith("${{ inputs.artifact || ")
