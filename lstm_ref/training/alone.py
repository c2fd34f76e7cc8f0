"""One training at a time per file. The system releases the lock of a process that dies, however it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from lstm_ref.errors import BadInput
from lstm_ref.writing import target


@contextmanager
def alone(path: str | Path) -> Iterator[None]:
    """Locks the file for this process, by whatever link it is named. Raises BadInput with the process that holds the
    lock.

    The lock is a file next to it, because the file itself is replaced at every save. It contains the process's number.
    """
    place = target(path)
    beside = place.with_name(f".lstm_ref.{sha256(os.fsencode(place.name)).hexdigest()[:16]}.lock")
    lock = FileLock(beside, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(f"{path} is in use by another training, {_holder(beside)}: wait for it, or stop it") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be locked: {error.strerror or error}") from None
    try:
        with suppress(OSError):  # on a full disk the lock still works, without the number
            beside.write_text(str(os.getpid()))
        yield
    finally:
        with suppress(OSError):  # while locked: a waiting process then sees that it is gone, and makes a new one
            beside.unlink()
        lock.release()


def _holder(beside: Path) -> str:
    try:
        return f"process {int(beside.read_text())}"
    except (OSError, ValueError):  # not written yet; or Windows, where a locked file cannot be read
        return "another process"
