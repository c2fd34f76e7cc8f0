"""The curve of a run as JSON lines: {"step": 1, "loss": 4.17}, and {"step": 500, "held_out": {…}} at a validation.

Written while a run goes, taken up when it resumes; and its picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lstm_ref.errors import BadInput
from lstm_ref.reporting.line_picture import Line, draw

Note = dict[str, Any]

BEGINNING = '{"step": '
"""Of every line: by it a half-written last one is known."""


@contextmanager
def curve(path: str | Path | None, step: int = 0) -> Iterator[tuple[list[Note], Callable[..., None]]]:
    """All notes so far, and a function that adds one, in the file at once; of a file that stands there already, the
    lines up to `step` are kept. Without a path, in memory alone.

    Raises BadInput where the file cannot be written, or is no curve.
    """
    if path is None:
        kept: list[Note] = []
        yield kept, lambda **note: kept.append(note)
        return
    try:
        kept = notes(path, step) if Path(path).exists() else []
        with open(path, "w", encoding="utf-8", buffering=1) as file:
            file.writelines(json.dumps(note) + "\n" for note in kept)

            def add(**note: Any) -> None:
                kept.append(note)
                print(json.dumps(note), file=file)

            yield kept, add
    except OSError as error:
        raise BadInput(f"cannot write the curve {path}: {error.strerror}") from None


def notes(path: str | Path, step: int) -> list[Note]:
    """The notes of a curve up to the step, without a half-written last one. Raises BadInput where it is no curve."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    *lines, half = text.split("\n")  # a line that was written whole has its end
    kept = []
    for k, line in enumerate([*lines, half] if half else lines):
        note = _note(line)
        if note is None and not (k == len(lines) and BEGINNING.startswith(line[: len(BEGINNING)])):
            raise BadInput(f"{path}, line {k + 1}, is no line of a loss curve: give another path")
        if note is not None and note["step"] <= step:
            kept.append(note)
    return kept


def _note(line: str) -> Note | None:
    """What `curve` wrote on a line, or None."""
    try:
        note = json.loads(line)
    except ValueError:
        return None
    ours = isinstance(note, dict) and list(note) in (["step", "loss"], ["step", "held_out"])
    return note if ours and isinstance(note["step"], int) else None


def plot(notes: list[Note], path: Path, title: str) -> None:
    """The loss of every batch, their running mean, and the held-out loss. Raises BadInput as `line_picture.draw`."""
    steps, losses = zip(*((note["step"], note["loss"]) for note in notes if "loss" in note), strict=True)
    window = max(1, len(losses) // 50)
    means = [sum(losses[k - window : k]) / window for k in range(window, len(losses) + 1)]
    held_out = [(note["step"], note["held_out"]["loss"]) for note in notes if "held_out" in note]
    lines = [Line("batch", steps, losses), Line(f"mean of {window}", steps[window - 1 :], means, 1)]
    lines += [Line("held out", [step for step, _ in held_out], [loss for _, loss in held_out], 3)] if held_out else []
    draw(lines, path, title, "step", "loss, nats")
