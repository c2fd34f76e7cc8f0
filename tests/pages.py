"""Runs a page of documentation as its reader would.

A Python block whose first line is a comment with a file name, `# mine.py`, is that file; the others run in one
namespace, and import the files. The commands of a `console` block run in a shell, and what the page shows of their
output must be what comes: `…` stands for the rest of a line, a line of `…` for any lines; seconds are not compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^( *)```([\w-]+)\n(.*?)^\1```", re.S | re.M)


def blocks(text: str, *languages: str) -> list[tuple[str, str, int]]:
    """(language, content, line) for each block of these languages, or of all."""
    found = []
    for match in FENCE.finditer(text):
        indent, language, content = match.groups()
        content = re.sub(rf"^{indent}", "", content, flags=re.M)
        found.append((language, content, text[: match.start()].count("\n") + 2))
    return [block for block in found if not languages or block[0] in languages]


def run(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs the page in a folder; gives the lines of the blocks that ran."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    names: dict[str, object] = {"__name__": "page"}
    ran = []
    try:
        for language, content, line in blocks(page.read_text(), "python", "console"):
            if re.search(r"^import torch", content, re.M):
                pytest.importorskip("torch")
            if language == "console":
                commands(content, f"{page.name}:{line}")
            elif file := re.match(r"# (\w+\.py)\n", content):
                (folder / file[1]).write_text(content)
            else:
                exec(compile("\n" * (line - 1) + content, str(page), "exec"), names)
            ran.append(line)
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
    return ran


def commands(content: str, place: str) -> None:
    """Runs the commands of a block, and compares what they print with what the block shows."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", content, re.M):
        done = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        assert fits(done.stdout, shown), f"{place}: {command} prints\n{done.stdout}\nand the page shows\n{shown}"


def fits(printed: str, shown: str) -> bool:
    """Whether the output is what is shown of it."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            parts = re.split(r"(…|\d+\.\d+ ?s\b)", line.rstrip())
            pattern += "".join(".*" if k % 2 else re.escape(part) for k, part in enumerate(parts)) + r"[ ]*\n"
    return re.fullmatch(pattern, printed) is not None
