"""Writes reports to a file, in the format of its suffix. A file that is not such a report is never overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from lstm_ref.checking.report import SCHEMA, Report
from lstm_ref.errors import BadInput
from lstm_ref.writing import write_whole

MARKS = {
    ".html": '<meta name="generator" content="lstm_ref">',
    ".json": '"generator": "lstm_ref"',
    ".xml": '<testsuites name="lstm_ref"',
}
"""By suffix: text that every report of this package contains near its beginning."""


def require_writable(path: Path) -> None:
    """Raises BadInput unless a report can be written there. Call it before any work is done."""
    suffix, folder = path.suffix.lower(), path.resolve().parent  # a link is followed, because its target is written
    if suffix not in MARKS:
        raise BadInput(f"{path}: a report file must end in {', '.join(MARKS)}")
    if not folder.is_dir():
        raise BadInput(f"{path}: there is no folder {path.parent if not path.is_symlink() else folder}")
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: is not a file")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{path}: no permission to write in {folder}")
    if path.exists() and not os.access(path, os.W_OK):
        raise BadInput(f"{path}: no permission to write it")
    if path.exists() and path.stat().st_size:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                start = file.read(2000)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        if MARKS[suffix] not in start:
            raise BadInput(f"{path}: exists and is not a report of lstm_ref: it is left as it is")


def write(path: Path, reports: Sequence[Report]) -> None:
    """Writes the reports. Raises BadInput as `require_writable` does."""
    require_writable(path)
    content = _text(path.suffix.lower(), reports).encode("utf-8", errors="replace")
    write_whole(path, content)


def as_json(reports: Sequence[Report]) -> str:
    """All reports as one JSON object: generator, schema, right, reports."""
    whole = {
        "generator": "lstm_ref",
        "schema": SCHEMA,
        "right": all(r.right for r in reports),
        "reports": [r.as_dict() for r in reports],
    }
    return json.dumps(whole, indent=2) + "\n"


def _text(suffix: str, reports: Sequence[Report]) -> str:
    if suffix == ".json":
        return as_json(reports)
    if suffix == ".xml":
        from lstm_ref.reporting.junit import as_junit

        return as_junit(reports)
    from lstm_ref.reporting.html import as_html

    return as_html(reports)
