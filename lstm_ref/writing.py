"""Writes the user's files as a whole or not at all: a reader, or a crash, sees the old or the new file, never a
mixture."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from lstm_ref.errors import BadInput


def target(path: str | Path) -> Path:
    """The path where the file is or will be, with all links followed. Raises BadInput unless it can be written
    there."""
    place = Path(os.path.realpath(path))
    if not str(path):
        raise BadInput("the name of a file to write is empty")
    if not os.path.isdir(place.parent):
        raise BadInput(f"{path}: cannot be written: {place.parent}: no such folder")
    if not os.access(place.parent, os.W_OK):
        raise BadInput(f"{path}: cannot be written: {place.parent}: no permission to write in this folder")
    try:
        regular = stat.S_ISREG(place.stat().st_mode)
    except FileNotFoundError:
        return place
    except OSError as error:  # a name too long, links in a circle
        raise _refusal(path, error) from None
    if not regular:
        raise BadInput(f"{path}: cannot be written: it is not a file")
    if not os.access(place, os.W_OK):
        raise BadInput(f"{path}: cannot be written: no permission to write it")
    return place


def write_whole(path: str | Path, data: bytes) -> None:
    """Writes the file under a temporary name in the same folder, flushes it to the disk, and then renames it.

    A link stays a link, and permissions stay as they are. A hard link to an earlier file keeps the earlier contents.
    Raises BadInput with the reason where the file cannot be written; an earlier file is then unchanged.
    """
    place = target(path)
    beside = place.with_name(f".lstm_ref.{token_hex(8)}")  # short, however long the file's own name is
    try:
        try:
            with open(beside, "xb") as file:
                with suppress(FileNotFoundError):
                    os.chmod(beside, stat.S_IMODE(place.stat().st_mode))  # before the file holds anything private
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, place)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, error) from None
    with suppress(
        OSError
    ):  # the file is in place; syncing the folder, so that a power cut keeps it, is not possible on every system
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_new(path: str | Path, data: bytes) -> None:
    """As `write_whole`, but raises BadInput where the file exists."""
    if target(path).exists():
        raise BadInput(f"{path} exists already, and is never overwritten: give another name")
    write_whole(path, data)


def _refusal(path: str | Path, error: OSError) -> BadInput:
    return BadInput(f"{path}: cannot be written: {error.strerror or error}")
