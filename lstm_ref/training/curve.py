"""The curve of a run as JSON lines: {"step": 1, "loss": 4.17}, and {"step": 500, "held_out": {…}} at a validation.

It is written during a run, continued when the run resumes, and can be plotted.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lstm_ref.errors import BadInput
from lstm_ref.reporting.line_picture import PlottedLine, draw, svg
from lstm_ref.writing import write_whole

Note = dict[str, Any]

BEGINNING = '{"step": '
"""The start of every line, by which an incomplete last line is recognised."""


@contextmanager
def curve(
    path: str | Path | None, step: int = 0, warn: Callable[[str], None] = warnings.warn
) -> Iterator[tuple[list[Note], Callable[..., None]]]:
    """All notes so far, and a function that adds a note and writes it at once.

    If the file exists, its lines up to `step` are kept. Without a path, notes are only kept in memory.

    Raises BadInput where the file cannot be written, or is not a curve. If the disk fills up later, the run continues:
    `warn` is called once, every further note tries again to write the missing lines, and only at the end does failure
    raise BadInput.
    """
    if path is None:
        kept: list[Note] = []
        yield kept, lambda **note: kept.append(note)
        return
    try:
        kept = notes(path, step) if Path(path).exists() else []
        write_whole(path, "".join(map(_line, kept)).encode())
        file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed below; the run's own OSErrors must pass)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from None
    behind, why = b"", ""

    def add(**note: Any) -> None:
        nonlocal behind, why
        kept.append(note)
        behind += _line(note).encode()
        try:
            while behind:
                behind = behind[file.write(behind) :]
        except OSError as error:
            if not why:
                warn(f"{path}: cannot be written: {error.strerror}; the run continues, and tries again at every step")
            why = str(error.strerror)

    with file:
        yield kept, add
    if behind:
        raise BadInput(f"{path}: its last {behind.count(10)} lines are missing: {why}")


def notes(path: str | Path, step: float = math.inf) -> list[Note]:
    """The notes of a curve up to the step, without an incomplete last line. Raises BadInput where it is not a curve."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    *lines, half = text.split("\n")  # a complete line has a line end
    kept = []
    for k, line in enumerate([*lines, half] if half else lines):
        note = _note(line)
        if note is None and not (k == len(lines) and BEGINNING.startswith(line[: len(BEGINNING)])):
            raise BadInput(f"{path}, line {k + 1}, is not a line of a loss curve: give another path")
        if note is not None and note["step"] <= step:
            kept.append(note)
    return kept


def _line(note: Note) -> str:
    return json.dumps(note) + "\n"


def _note(line: str) -> Note | None:
    """The note that `curve` wrote on a line; None for any other line."""
    try:
        note = json.loads(line)
        (step, number), (what, value) = note.items()
        values = value.values() if what == "held_out" else [value]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    ours = step == "step" and what in ("loss", "held_out") and type(number) is int and {*map(type, values)} <= {float}
    return note if ours else None


# ----------------------------------------------------------------------------------------------------- the picture


class Curve(NamedTuple):
    """A run's curve; a notebook shows its picture."""

    title: str
    notes: tuple[Note, ...]

    def __repr__(self) -> str:
        losses = [note["loss"] for note in self.notes if "loss" in note]
        last = f", the last loss {losses[-1]:.4g}" if losses else ""
        return f"<Curve of {self.title}: {len(losses)} steps{last}>"

    def _repr_html_(self) -> str | None:
        """None, where matplotlib is missing or there is no step: the notebook then shows the text."""
        try:
            return svg(_lines(self.notes), self.title, ACROSS, UP) if self.notes else None
        except ImportError:
            return None


ACROSS, UP = "step", "loss, nats"


def read(path: str | Path) -> Curve:
    """The curve that `lstm-ref train --curve` wrote.

    Args:
        path: The file of JSON lines.

    Returns:
        The curve, without an incomplete last line.

    Raises:
        BadInput: The file cannot be read, or is not a curve.
    """
    try:
        return Curve(Path(path).stem, tuple(notes(path)))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None


def plot(notes: list[Note], path: Path, title: str) -> None:
    """Plots the loss of every batch, its running mean, and the held-out loss. Raises BadInput as
    `line_picture.draw`."""
    draw(_lines(notes), path, title, ACROSS, UP)


def _lines(notes: Sequence[Note]) -> list[PlottedLine]:
    steps, losses = zip(*((note["step"], note["loss"]) for note in notes if "loss" in note), strict=True)
    window = max(1, len(losses) // 50)
    means = [sum(losses[k - window : k]) / window for k in range(window, len(losses) + 1)]
    held_out = [(note["step"], note["held_out"]["loss"]) for note in notes if "loss" in note.get("held_out", ())]
    lines = [PlottedLine("batch", steps, losses), PlottedLine(f"mean of {window}", steps[window - 1 :], means, 1)]
    lines += (
        [PlottedLine("held out", [step for step, _ in held_out], [loss for _, loss in held_out], 3)] if held_out else []
    )
    return lines
