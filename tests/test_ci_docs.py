"""The page for CI users and the GitHub Action: their examples run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from processes import environment, run_module

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def run(command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, env=environment(PATH=path), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def repository(tmp_path):
    shutil.copy(ROOT / "examples" / "lstm_numpy.py", tmp_path / "lstm.py")
    return tmp_path


def test_the_pytest_section_does_what_it_says(repository):
    (repository / "pyproject.toml").write_text(blocks("toml")[0])
    (repository / "test_mine.py").write_text(blocks("python")[0])
    command, *shown = blocks("console")[0].strip().splitlines()
    done = run_module(*command.removeprefix("$ ").split(), folder=repository)
    assert done.returncode == 0, done.stdout
    for line in shown:
        assert line.split()[0] in done.stdout
    assert "test_gradients_of_my_loss PASSED" in done.stdout
    assert (repository / "report.html").exists()


def test_the_command_writes_its_reports(repository):
    done = run(["bash", "-c", blocks("bash")[0]], repository)
    assert done.returncode == 0, done.stderr
    assert (repository / "report.html").exists()
    assert (repository / "junit.xml").exists()


def test_the_gitlab_job_runs_the_same_command():
    job = yaml.safe_load(blocks("yaml")[1])["gradients"]
    assert job["script"][-1] == blocks("bash")[0].strip()
    assert job["artifacts"]["reports"]["junit"] == "junit.xml"


def test_the_github_workflow_uses_inputs_that_the_action_has():
    (step,) = [s for s in yaml.safe_load(blocks("yaml")[0])["jobs"]["gradients"]["steps"] if "lstm_ref" in s["uses"]]
    assert set(step["with"]) <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])


def test_the_table_of_the_page_has_every_input_of_the_action():
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    table = PAGE[PAGE.index("| input |") :].split("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.M) == list(inputs)


def test_the_pre_commit_section_names_a_hook_that_there_is():
    (repository,) = yaml.safe_load(blocks("yaml")[2])["repos"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["id"] for hook in repository["hooks"]} == {hook["id"] for hook in hooks}


@pytest.mark.parametrize(("files", "code"), [(["lstm.py"], 0), (["lstm.py", "wrong.py"], 1)])
def test_the_hook_refuses_a_wrong_file_among_several(repository, files, code):
    (repository / "wrong.py").write_text((repository / "lstm.py").read_text().replace("c_bar = c_bar * f", "pass"))
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    done = run(["bash", "-c", f"{hook['entry']} {' '.join(files)}"], repository)
    assert done.returncode == code, done.stdout + done.stderr
    assert bool(re.search(r"wrong\S*: wrong", done.stdout)) == (code == 1)
    assert ("The mistake: " in done.stdout) == (code == 1)


@pytest.mark.parametrize("name", ["derivation_lstm.py", "cells/derivation_gru.py", "lstm.py", "test_derivation_x.py"])
def test_the_hook_is_for_the_files_that_pytest_collects(name):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert bool(re.search(hook["files"], name)) == Path(name).match("derivation_*.py")
