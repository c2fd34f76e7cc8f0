"""Whose a file is: the user's, an installed library's, or this package's."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = str(Path(__file__).parent) + os.sep
_PYTHON = tuple({str(Path(sysconfig.get_paths()[k])) + os.sep for k in ("stdlib", "platstdlib")})
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_ours(file: str) -> bool:
    """Whether a file belongs to this package, installed or not."""
    return file.startswith(_PACKAGE)


@functools.cache
def is_librarys(file: str) -> bool:
    """Whether a file belongs to Python or to another package that is installed."""
    if file.startswith("<"):
        return file.startswith("<frozen")
    if is_ours(file):
        return False
    paths = (file, os.path.realpath(file))
    return any(path.startswith(_PYTHON) or any(p in path for p in _PACKAGES) for path in paths)


def is_users(file: str) -> bool:
    """Whether a file is neither a library's nor ours."""
    return not (is_librarys(file) or is_ours(file))


def namespaces() -> list[dict[str, Any]]:
    """The names of every module that belongs to no library: the user's and ours."""
    global _scanned
    modules, (before, found) = list(sys.modules.values()), _scanned
    if modules != before:  # thousands of them, asked for often; seldom others than the last time
        found = [vars(m) for m in modules if isinstance(m, ModuleType) and _is_file_of_no_library(m)]
        _scanned = modules, found
    return found


def _is_file_of_no_library(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and not is_librarys(file)


_scanned: tuple[list[Any], list[dict[str, Any]]] = [], []
"""The modules when they were last asked for, and the namespaces of those that belong to no library."""
