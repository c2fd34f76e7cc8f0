"""What JAX compiles in one run of the tests is read in the next, and by all workers and processes of a run.

JAX finds a compiled program by all that its machine code depends on: the program itself, flags, device, versions. So
what is read is what would be compiled, and changed code is compiled anew. It is kept in pytest's cache, in this
checkout: machine code is no file for another machine. `pytest --cache-clear` forgets it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

KEPT = 7 * 24 * 3600.0
"""Seconds for which a program is kept that no run has read."""


def pytest_configure(config: pytest.Config) -> None:
    """Tell JAX, here and in the processes that tests start, before any test module imports it."""
    if not hasattr(config, "cache"):
        return
    folder = config.cache.mkdir("compiled")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # by default, only what takes a second
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    if not hasattr(config, "workerinput"):
        tidy(folder, time.time())


def tidy(folder: Path, now: float) -> None:
    """Delete what has not been read for long, and the empty file of a process that was killed before it wrote."""
    for file in folder.iterdir():
        known = file.stat()
        if not known.st_size or now - max(known.st_atime, known.st_mtime) > KEPT:
            file.unlink(missing_ok=True)
