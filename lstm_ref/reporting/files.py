"""Writes reports to a file, in the format of its suffix. A file that is not such a report is never overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstm_ref.checking.report import SCHEMA, Report
from lstm_ref.errors import BadInput
from lstm_ref.writing import write_whole

if TYPE_CHECKING:  # the package of written derivations loads its parser
    from lstm_ref.written.report import PageReport

MARKS = {
    ".html": '<meta name="generator" content="lstm_ref">',
    ".json": '"generator": "lstm_ref"',
    ".xml": '<testsuites name="lstm_ref"',
}
"""By suffix: text that every report of this package contains near its beginning."""

NONE: Mapping[str, str] = {}


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


def write(path: Path, reports: Sequence[Report], errors: Mapping[str, str] = NONE) -> None:
    """Writes the reports, and why other files could not be checked. Raises BadInput as `require_writable` does."""
    require_writable(path)
    content = _text(path.suffix.lower(), reports, errors).encode("utf-8", errors="replace")
    write_whole(path, content)


def as_json(reports: Sequence[Report], errors: Mapping[str, str] = NONE, written: Sequence[PageReport] = ()) -> str:
    """All reports as one JSON object: generator, schema, right, reports, errors (file and why it was not checked), and
    the reports on written derivations where there are any."""
    whole: dict[str, Any] = {
        "generator": "lstm_ref",
        "schema": SCHEMA,
        "right": all(r.right for r in reports) and all(p.verdict == "right" for p in written) and not errors,
        "reports": [r.as_dict() for r in reports],
        "errors": [{"file": file, "error": why} for file, why in errors.items()],
    }
    if written:
        whole["written"] = [page.as_dict() for page in written]
    return json.dumps(whole, indent=2) + "\n"


def _text(suffix: str, reports: Sequence[Report], errors: Mapping[str, str]) -> str:
    if suffix == ".json":
        return as_json(reports, errors)
    if suffix == ".xml":
        from lstm_ref.reporting.junit import as_junit

        return as_junit(reports, errors)
    from lstm_ref.reporting.html import as_html

    return as_html(reports, errors)
