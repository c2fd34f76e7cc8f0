"""Reports in a file, of the kind that its ending tells. A file that is not a report of ours is never overwritten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lstm_ref.checking.report import SCHEMA, Report
from lstm_ref.errors import BadInput

MARKS = {".html": '<meta name="generator" content="lstm_ref">', ".json": '"schema"', ".xml": 'name="lstm_ref"'}
"""What a report of ours has near its beginning, by ending."""


def require_writable(path: Path) -> None:
    """Raises BadInput unless a report can be written there: before any work is done."""
    if path.suffix not in MARKS:
        raise BadInput(f"{path}: a report file must end in {', '.join(MARKS)}")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise BadInput(f"{path}: is a folder")
    if path.exists() and path.stat().st_size:
        with path.open(encoding="utf-8", errors="replace") as file:
            if MARKS[path.suffix] not in file.read(2000):
                raise BadInput(f"{path}: exists and is not a report of lstm_ref: it is left as it is")


def write(path: Path, reports: Sequence[Report]) -> None:
    """Write the reports. Raises BadInput as `require_writable` does."""
    require_writable(path)
    path.write_text(_text(path.suffix, reports), encoding="utf-8")


def as_json(reports: Sequence[Report]) -> str:
    """All reports as one JSON object: schema, right, reports."""
    right = all(r.right for r in reports)
    return json.dumps({"schema": SCHEMA, "right": right, "reports": [r.as_dict() for r in reports]}, indent=2) + "\n"


def _text(suffix: str, reports: Sequence[Report]) -> str:
    if suffix == ".json":
        return as_json(reports)
    if suffix == ".xml":
        from lstm_ref.reporting.junit import as_junit

        return as_junit(reports)
    from lstm_ref.reporting.html import as_html

    return as_html(reports)
