"""`pytest -m quick`: an edit loop of less than a minute, the tests of what changed, nearest first, while time lasts.

What changed is what git says of the working tree or, where it is clean, of the last commit. A test file, or a page, is
as near as the fewest imports that lead from it to a changed file; a file that nobody imports is near to the tests that
name it or its folder. Of equally near tests those named after what changed come first. Tests that took long when they
last ran here are left out, and after `ENOUGH` seconds no further test begins: what passes says nothing about the rest.

A marker, and no plug-in of the index: pytest-picked runs the test files that changed, which are seldom those of the
code that changed; pytest-testmon traces every line that runs, JAX's tracing too, and begins with a run of all tests.
"""

from __future__ import annotations

import ast
import re
import subprocess
import time
from collections import defaultdict, deque
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BEGUN = time.monotonic()
ENOUGH = 45.0
"""Seconds after which no further test begins,"""
AT_LEAST = 15.0
"""though so many are given to tests where the machine is so busy that imports took the others."""
LONG = 5.0
"""Seconds of a test that is left to the daily command."""
KEPT = 1.0
"""Seconds from which a test's time is kept for the next run."""
FILES = 20
"""The most test files that are collected."""
CACHE = "quick/seconds"


# ------------------------------------------------------------------------------------------------- what is near


def changed_files(root: Path) -> set[Path]:
    """The files that differ from the last commit or, if there are none, those that it changed."""

    def told(*command: str) -> set[Path]:
        done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True)
        if done.returncode:
            raise pytest.UsageError(f"-m quick asks git what changed: {done.stderr.strip()}")
        return {root / line for line in done.stdout.splitlines()}

    now = told("diff", "--name-only", "HEAD") | told("ls-files", "--others", "--exclude-standard")
    return now or told("diff", "--name-only", "HEAD~1", "HEAD")


def distances(root: Path, changed: set[Path]) -> dict[Path, int]:
    """By test file or page, the fewest imports from it to a changed file."""
    pages = set((root / "derivations").glob("*.md"))
    files = {*(root / "lstm_ref").rglob("*.py"), *(root / "benchmarks").glob("*.py"), *pages}
    files |= {file for pattern in ("*.py", "*/*.py") for file in (root / "tests").glob(pattern)}
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    tests = {file for file in files if file.name.startswith("test_")}
    readers = defaultdict(set)
    for file, text in texts.items():
        for read in _imports(file, text, root):
            readers[read].add(file)
    for file in changed:
        if not readers[file]:
            named = {test for test in tests if re.search(rf"(?<!\w){re.escape(file.name)}", texts[test])}
            readers[file] |= named or {test for test in tests if file.parent.name in texts[test]}
    found, waiting = {file: 0 for file in changed if file.exists()}, deque(sorted(changed))
    while waiting:
        file = waiting.popleft()
        for reader in sorted(readers[file] - set(found)):
            found[reader] = found.get(file, 0) + 1
            waiting.append(reader)
    return {file: steps for file, steps in found.items() if file in tests | pages}


def _imports(file: Path, text: str, root: Path) -> set[Path]:
    """The files that a file imports, or a page's blocks, wherever they do."""
    if file.suffix == ".md":
        text = "".join(re.findall(r"^```python\n(.*?)^```", text, re.S | re.M))
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{name.name}" for name in node.names]
        else:
            continue
        found |= {read for name in names if (read := _file_of(name, file.parent, root))}
    return found


@cache
def _file_of(name: str, folder: Path, root: Path) -> Path | None:
    """The file of the longest beginning of a dotted name that is a module of this repository."""
    parts = name.split(".")
    for start in (root, folder, root / "tests"):
        if not (start / parts[0]).exists() and not (start / f"{parts[0]}.py").exists():
            continue
        for length in range(len(parts), 0, -1):
            path = start.joinpath(*parts[:length])
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.exists():
                    return file
    return None


# -------------------------------------------------------------------------------------------------------- hooks


class Quick:
    """The run of `-m quick`: what is collected, in which order, until when."""

    def __init__(self, config: pytest.Config) -> None:
        self.changed = changed_files(config.rootpath)
        near = distances(config.rootpath, self.changed)
        self.words = {file.stem.removeprefix("test_") for file in self.changed} - {"__init__"}
        order = sorted(near, key=lambda file: (near[file], not self._named(file.name), file))
        self.near = {file: near[file] for file in order[:FILES]}
        self.seconds = _known(config)
        self.collected_at, self.long, self.late = 0.0, 0, 0

    def _named(self, text: str) -> bool:
        return any(word in text for word in self.words)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Files that are not near are not even imported."""
        is_far = collection_path.is_file() and collection_path not in self.near
        return True if is_far else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark what is quick, nearest first."""
        self.collected_at = time.monotonic()
        for item in items:
            if self.seconds.get(item.nodeid, 0.0) < LONG or item.path in self.changed:
                item.add_marker(pytest.mark.quick)
            else:
                self.long += 1
        items.sort(
            key=lambda item: (self.near[item.path], not self._named(item.nodeid), self.seconds.get(item.nodeid, 0.0))
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """After enough time, a test is neither run nor reported."""
        now = time.monotonic()
        if now - BEGUN < ENOUGH or now - self.collected_at < AT_LEAST:
            return None
        self.late += 1
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was run, and what was not."""
        names = ", ".join(sorted(file.name for file in self.changed)[:5]) + (", …" if len(self.changed) > 5 else "")
        terminalreporter.write_line(f"quick: {len(self.near)} test files and pages near {names}")
        if self.collected_at:  # under xdist its workers know
            left = f"{self.long} tests of {LONG:.0f} s or more, {self.late} after {ENOUGH:.0f} s"
            terminalreporter.write_line(f"quick: left to the daily command: {left}")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the run of it."""
    config.addinivalue_line("markers", "quick: the tests of what changed, nearest first, for less than a minute")
    if config.option.markexpr == "quick":
        config.pluginmanager.register(Quick(config), "quick run")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Keep the times of tests that are not short, of any run, for the next quick one."""
    known = _known(config)
    for name, taken in seconds_of_tests(terminalreporter).items():
        known.pop(name, None)
        if taken >= KEPT:
            known[name] = round(taken, 1)
    if hasattr(config, "cache"):
        config.cache.set(CACHE, known)


def _known(config: pytest.Config) -> dict[str, float]:
    """The seconds of tests that were not short when they last ran here."""
    return config.cache.get(CACHE, {}) if hasattr(config, "cache") else {}


def seconds_of_tests(terminalreporter: pytest.TerminalReporter) -> dict[str, float]:
    """The time of each test, with its fixtures."""
    found: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                found[report.nodeid] += report.duration
    return found
