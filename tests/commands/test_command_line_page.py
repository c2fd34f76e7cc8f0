"""docs/command_line.md: its lines turn on completion, its Python runs, its schemas exist; and `-V`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command_line.md").read_text()
LINES = dict(re.findall(r"^\| (bash|zsh|fish) \| `.*?` \| `(.*?)` \|$", PAGE, re.M))


def lstm_ref(*arguments, **environment):
    """The command as it is installed, whose name the shell's variable carries."""
    code = "import sys; sys.argv[0] = 'lstm-ref'; from lstm_ref.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_the_version_has_a_short_option():
    from lstm_ref import __version__

    assert lstm_ref("-V").stdout == lstm_ref("--version").stdout
    assert __version__ in lstm_ref("-V").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_page_and_the_help_name_what_turns_completion_on(shell):
    assert f"_LSTM_REF_COMPLETE={shell}_source lstm-ref" in LINES[shell]
    done = lstm_ref(_LSTM_REF_COMPLETE=f"{shell}_source")
    assert "_LSTM_REF_COMPLETE" in done.stdout
    assert f"{shell}_complete" in done.stdout
    assert LINES["bash"] in " ".join(lstm_ref("--help").stdout.split())


def test_commands_and_options_are_completed():
    asked = {"_LSTM_REF_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert lstm_ref(**asked, COMP_WORDS="lstm-ref ch").stdout == "plain,check\n"
    asked["COMP_CWORD"] = "2"
    assert "plain,--worksheet" in lstm_ref(**asked, COMP_WORDS="lstm-ref exercise --w").stdout
    asked["COMP_CWORD"] = "3"
    assert lstm_ref(**asked, COMP_WORDS="lstm-ref exercise --hint").stdout.split() == [
        "plain,symptom",
        "plain,place",
        "plain,term",
    ]


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
def test_the_line_for_bash_registers_a_completion(tmp_path):
    script = tmp_path / "lstm-ref"
    script.write_text(f"#!{sys.executable}\nfrom lstm_ref.cli import main\nmain()\n")
    script.chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", f"{LINES['bash']}; complete -p lstm-ref"],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "complete" in done.stdout
    assert "lstm-ref" in done.stdout


def test_the_python_of_the_page_runs_and_its_schemas_exist():
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, {})
    named = set(re.findall(r"`(\w+\.schema\.json)`", PAGE))
    assert named == {path.name for path in (ROOT / "lstm_ref" / "schemas").iterdir()}
