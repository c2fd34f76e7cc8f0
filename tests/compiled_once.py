"""What JAX compiles in one run of the tests is read in the next, and by all workers and processes of a run; and what
it makes anew for each program is made once.

JAX finds a compiled program by all that its machine code depends on: the program itself, flags, device, versions. So
what is read is what would be compiled, and changed code is compiled anew. It is kept in pytest's cache, in this
checkout: machine code is no file for another machine. `pytest --cache-clear` forgets it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = 100
"""Lowered in one context: it keeps the types and places of all."""
KEPT = 7 * 24 * 3600.0
"""Seconds for which a program is kept that no run has read."""


def pytest_configure(config: pytest.Config) -> None:
    """Tell JAX, here and in the processes that tests start, where to keep what it compiles."""
    if not hasattr(config, "cache"):
        return
    folder = config.cache.mkdir("compiled")
    for name, value in {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": "0",  # by default, only what takes a second is kept
        "jax_persistent_cache_min_entry_size_bytes": "-1",
    }.items():
        value = os.environ.setdefault(name.upper(), value)
        if "jax" in sys.modules:  # a conftest.py below has imported it, before pytest configured anything
            sys.modules["jax"].config.update(name, value if name.endswith("dir") else json.loads(value))
    if not hasattr(config, "workerinput"):
        tidy(folder, time.time())


def pytest_collection_finish() -> None:
    """JAX makes a context of MLIR's for each program that it lowers, which takes milliseconds and megabytes, for most
    programs of the tests more than all the rest of the lowering. Here a thread has one for many. JAX 0.12 does so by
    itself, and no public name of an older one lets us; where the private one is gone, the tests take longer."""
    from jax._src.interpreters import mlir

    if makes_a_context_for_each_program():
        mlir.make_ir_context = of_this_thread(mlir.make_ir_context, is_lowering)


def makes_a_context_for_each_program() -> bool:
    """Whether this JAX does."""
    from jax._src.interpreters import mlir

    return hasattr(mlir, "make_ir_context") and not hasattr(mlir, "_create_ir_context")


def is_lowering() -> bool:
    """Whether this thread lowers a program at the moment, and what is lowered now needs a context of its own."""
    from jaxlib.mlir import ir

    try:
        return ir.Context.current is not None
    except ValueError:
        return False


def of_this_thread(make: Callable[[], Any], is_in_use: Callable[[], bool]) -> Callable[[], Any]:
    """`make`, called once a thread for so many calls, since what it makes is not for several at a time and grows; and
    while that is in use."""
    kept = threading.local()

    def get() -> Any:
        if is_in_use():
            return make()
        if getattr(kept, "calls", PROGRAMS) == PROGRAMS:
            kept.made, kept.calls = make(), 0
        kept.calls += 1
        return kept.made

    return get


def tidy(folder: Path, now: float) -> None:
    """Delete what has not been read for long, and the empty file of a process that was killed before it wrote."""
    for file in folder.iterdir():
        known = file.stat()
        if not known.st_size or now - max(known.st_atime, known.st_mtime) > KEPT:
            file.unlink(missing_ok=True)
