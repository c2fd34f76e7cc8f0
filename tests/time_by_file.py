"""Where the time of a long run of the tests went: by test file, the longest first."""

from __future__ import annotations

from collections import Counter

import pytest
from quick_tests import seconds_of_tests

WORTH_SAYING = 20.0
"""Seconds of all tests together."""
SHOWN = 10


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the files that took longest."""
    files, tests = Counter(), Counter()
    for name, taken in seconds_of_tests(terminalreporter).items():
        file = name.partition("::")[0]
        files[file] += taken
        tests[file] += 1
    whole = files.total()
    if whole < WORTH_SAYING:
        return
    terminalreporter.section("where the time went")
    for file, taken in files.most_common(SHOWN):
        terminalreporter.write_line(f"{taken:7.1f} s  {taken / whole:4.0%}  {tests[file]:5} tests  {file}")
    others = whole - sum(taken for _, taken in files.most_common(SHOWN))
    terminalreporter.write_line(f"{others:7.1f} s  {others / whole:4.0%}  in {max(len(files) - SHOWN, 0)} other files")
    terminalreporter.write_line(f"{whole:7.1f} s  in all, without imports and collection")
