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

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def run(command, folder, **extra):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHONPATH"))} | extra
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def repository(tmp_path):
    shutil.copy(ROOT / "examples" / "lstm_numpy.py", tmp_path / "lstm.py")
    return tmp_path


def test_the_pytest_section_does_what_it_says(repository):
    (repository / "pyproject.toml").write_text(blocks("toml")[0])
    (repository / "test_mine.py").write_text(blocks("python")[0])
    command, *shown = blocks("console")[0].strip().splitlines()
    done = run([sys.executable, "-m", *command.removeprefix("$ ").split()], repository)
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


def action_steps():
    return yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]


def test_no_input_is_pasted_into_a_script():
    """An input in `run` is code that whoever sets it may write; through the environment it is only text."""
    for step in action_steps():
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize(
    ("files", "code"), [("lstm.py", 0), ("lstm.py wrong.py", 1), ("none.py", 1), ("lstm.py; touch owned", 1)]
)
def test_the_actions_own_script_is_red_when_a_gradient_is_wrong(repository, files, code):
    shutil.copy(ROOT / "examples" / "lstm_mistake.py", repository / "wrong.py")
    (script,) = [s["run"] for s in action_steps() if "lstm-ref check" in s.get("run", "")]
    summary = repository / "summary.md"
    done = run(
        ["bash", "-eo", "pipefail", "-c", script],
        repository,
        FILES=files,
        DIGITS="30",
        REPORT="out",
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert not (repository / "owned").exists()
    assert ("no such file" in summary.read_text()) == (files not in ("lstm.py", "lstm.py wrong.py"))
    if files.split()[0] == "lstm.py":
        assert "exact gradient" in summary.read_text()
        assert (repository / "out" / "1.html").exists()
