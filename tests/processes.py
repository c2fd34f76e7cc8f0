"""Processes that the tests start as a user would, at a small part of the time.

Most of the time of a short run goes into imports: torch, which the check of code without torch does not need, and
pytest, JAX and Hypothesis. So torch is hidden, and `run_module` forks a process that has imported the others, but
nothing of ours. Tests of torch, and of what a run imports, start Python itself.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

SERVER = """
import json, os, runpy, sys
import hypothesis, jax.numpy, pytest
sys.path.remove("")
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        for number, name in enumerate((os.devnull, *job["files"])):
            os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT), number)
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        sys.path.insert(0, job["folder"])
        sys.argv[1:] = job["arguments"]
        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Done(NamedTuple):
    """A process that has ended."""

    returncode: int
    stdout: str
    stderr: str


def environment(**extra: str) -> dict[str, str]:
    """The environment of a process without torch, without what pytest and coverage have set in this one."""
    ours = ("PYTEST", "COV")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent / "without_torch"), os.environ.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": path} | extra


@functools.cache
def server() -> subprocess.Popen[str]:
    """One for all the tests of a process."""
    started = subprocess.Popen(
        [sys.executable, "-W", "ignore:os.fork", "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    atexit.register(started.kill)
    return started


def run_module(module: str, *arguments: str, folder: Path) -> Done:
    """What `python -m module arguments` gives in that folder."""
    with tempfile.TemporaryDirectory() as kept:
        files = [f"{kept}/out", f"{kept}/err"]
        given = {"module": module, "arguments": arguments, "folder": str(folder), "files": files}
        process = server()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**given, "environment": environment()}) + "\n")
        process.stdin.flush()
        return Done(int(process.stdout.readline()), *(Path(file).read_text() for file in files))
