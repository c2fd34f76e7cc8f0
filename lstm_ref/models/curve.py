"""A loss curve as JSON lines, {"step": 1, "loss": 4.17}: written while a run goes, taken up when it resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lstm_ref.errors import BadInput


@contextmanager
def curve(path: str | Path, step: int = 0) -> Iterator[Callable[[int, float], None]]:
    """A function that notes (step, loss) in the file, each line at once; of a file that stands there already, the
    lines up to `step` are kept.

    Raises BadInput where the file cannot be written, or is no curve.
    """
    try:
        kept = notes(path, step) if step and Path(path).exists() else []
        with open(path, "w", encoding="utf-8", buffering=1) as file:
            file.writelines(line + "\n" for line in kept)
            yield lambda step, loss: print(json.dumps({"step": step, "loss": loss}), file=file)
    except OSError as error:
        raise BadInput(f"cannot write the curve {path}: {error.strerror}") from None


def notes(path: str | Path, step: int) -> list[str]:
    """The lines of a curve up to the step, without a half-written last one. Raises BadInput where it is no curve."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    kept = []
    for k, line in enumerate(lines):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, TypeError, KeyError):
            if k + 1 < len(lines):
                raise BadInput(f"{path}, line {k + 1}, is no line of a loss curve: give another path") from None
    return kept
