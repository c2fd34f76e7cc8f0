"""Errors of the user's code as one line."""

from __future__ import annotations

import functools
import sys
import traceback
from pathlib import Path

OWN_FILES = str(Path(__file__).parents[3])


def one_line(error: BaseException) -> str:
    """The error's own message in one line, with the line of the user's code that raised it."""
    lines = [line.strip() for line in str(error).strip().split("\n") if line.strip()] or [""]
    # TorchScript puts the cause on the last line.
    text = lines[-1] if "TorchScript" in lines[0] else f"{type(error).__name__}: {lines[0]}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_installed(f.filename)]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return text[:200] + where


@functools.cache
def is_installed(file: str) -> bool:
    """Whether the file belongs to a package, to Python or to lstm_ref, and not to the user."""
    path = str(Path(file).resolve()) if not file.startswith("<") else file
    library = str(Path(traceback.__file__).parent)
    return "site-packages" in path or path.startswith((library, OWN_FILES, "<frozen", sys.prefix + "/lib"))
