"""Tells lines of the user's code from lines of libraries and of this package's tracing."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from pathlib import Path
from types import FrameType

import jax
import jax.extend.source_info_util
import jaxlib
import numpy as np

from lstm_ref.places import is_librarys

_HERE = str(Path(__file__).parent) + "/"
_TRACE = _HERE + "trace.py"
_CHECKING = str(Path(__file__).parents[1] / "checking") + "/"
_ADAPTERS = _CHECKING + "code/adapters/"
_ARRAY_LIBRARIES = tuple(str(Path(str(m.__file__)).parent) + "/" for m in (np, jax, jaxlib))

# Lines of these folders never count as the user's.
jax.extend.source_info_util.register_exclusion(_HERE)
jax.extend.source_info_util.register_exclusion(_CHECKING)


@functools.cache
def is_internal(file: str) -> bool:
    """Whether a file belongs to NumPy, SciPy, JAX, this package's tracing, or frozen modules."""
    return file.startswith((_HERE, _ADAPTERS, *_ARRAY_LIBRARIES, "<frozen")) or is_of("scipy", file)


def calls_functions(file: str) -> bool:
    """Whether a file belongs to the check, which calls the user's functions: its callers are no part of them. The
    adapters are not meant: they also stand between a function of torch and what it calls."""
    return file.startswith(_CHECKING) and not file.startswith(_ADAPTERS)


@functools.cache
def is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to a package that is installed with it."""
    return is_internal(file) or is_librarys(file)


def is_of(library: str, file: str) -> bool:
    """Whether a file belongs to this library, which may not be imported: a user's folder may have its name."""
    home = getattr(sys.modules.get(library), "__file__", None)
    return isinstance(home, str) and file.startswith(str(Path(home).parent) + os.sep)


def is_jaxs(file: str) -> bool:
    """Whether a file is JAX's own."""
    return file.startswith(_ARRAY_LIBRARIES[1:])


def is_of_jax(error: BaseException) -> bool:
    """Whether JAX raised the exception. JAX may remove its own lines from a traceback, and then leaves a note."""
    notes = "".join(getattr(error, "__notes__", ()))
    return "JAX" in notes or any(is_jaxs(f.filename) for f in traceback.extract_tb(error.__traceback__))


def users_frame() -> FrameType | None:
    """The innermost frame of the user's code on the stack; if there is none, of another library's. Frames of whoever
    asked for the trace are skipped: torch makes a backward pass without a line of the user's."""
    frame: FrameType | None = sys._getframe(1)
    library = None
    while frame is not None and is_installed(file := frame.f_code.co_filename):
        if file == _TRACE and frame.f_code.co_name == "run":
            return library
        if library is None and not is_internal(file):
            library = frame
        frame = frame.f_back
    return frame or library


def users_line() -> str:
    """The innermost line of the user's code on the stack, as "file:line (function)"."""
    frame = users_frame()
    if frame and is_of("torch", frame.f_code.co_filename):  # all of its backward pass
        return "a line of torch's own"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})" if frame else "an unknown line"
