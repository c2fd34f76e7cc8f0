"""Errors of the user's code as one line."""

from __future__ import annotations

import traceback
from pathlib import Path

from lstm_ref.places import is_users


def one_line(error: BaseException) -> str:
    """The error's own message in one line, with the line of the user's code that raised it."""
    lines = [line.strip() for line in str(error).strip().split("\n") if line.strip()] or [""]
    # TorchScript puts the cause on the last line.
    text = lines[-1] if "TorchScript" in lines[0] else f"{type(error).__name__}: {lines[0]}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_users(f.filename)]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return text[:200] + where
