"""The errors a caller is meant to read: one line that says what was expected, what came, and where; and how any error
is made one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path


class LstmRefError(Exception):
    """Base of every error this package raises on purpose."""


class BadInput(LstmRefError, ValueError):
    """Something the caller gave cannot be used: a shape, a name, a dtype, a file."""


class CannotEvaluate(LstmRefError, ArithmeticError):
    """A function cannot be evaluated in the asked-for arithmetic (it may be right all the same)."""


class UndecidedComparison(CannotEvaluate):
    """Two balls overlap, so no comparison of the numbers they hold can be decided."""


class UnknownPrimitive(CannotEvaluate):
    """A JAX primitive or NumPy function that ball arithmetic does not know."""


class LeavesTheGraph(CannotEvaluate):
    """A traced number became a plain one where its graph cannot follow: the line that did it is named."""


# ----------------------------------------------------------------------------------------------------- in one line

_UNSEEN = {ord(c): c.encode("unicode_escape").decode() for c in map(chr, (*range(32), *range(127, 160)))}
_UNSEEN |= {c: f"\\u{c:04x}" for c in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that a terminal obeys instead of showing: controls, and what turns the direction of writing."""


def shown(text: str) -> str:
    """The text with such characters as their escapes: a name must not clear the screen of who reads it."""
    return text.translate(_UNSEEN)


def text_of(error: BaseException) -> str:
    """An error's own words, the first line, whatever its class does when asked for them."""
    if isinstance(error, SyntaxError):
        return str(error.msg)
    if not is_readable(error):
        return "(its text cannot be had)"
    return (str(error).strip().split("\n") or [""])[0][:200]


def described(error: BaseException) -> str:
    """The kind of an error and its first line; of one of this package the line alone."""
    return text_of(error) if isinstance(error, LstmRefError) else f"{type(error).__name__}: {text_of(error)}"


def is_readable(error: BaseException) -> bool:
    """Whether its text can be had: `__str__` is anybody's code."""
    try:
        str(error)
    except BaseException:
        return False
    return True


def is_ours(error: BaseException) -> bool:
    """Whether it comes of this package's own lines: the innermost that are no library's are ours, not the user's."""
    libraries = sysconfig.get_paths()
    outside = tuple(str(Path(libraries[k])) for k in ("stdlib", "purelib", "platlib"))
    here = str(Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(here):
            return True
        if not frame.filename.startswith((*outside, "<frozen")):
            return False
    return False


def defect(error: BaseException) -> str:
    """What is said of an error that nobody foresaw: it is ours."""
    here = Path(__file__).parent
    ours = [f for f in traceback.extract_tb(error.__traceback__) if here in Path(f.filename).parents]
    place = f" ({Path(ours[-1].filename).relative_to(here.parent)}:{ours[-1].lineno})" if ours else ""
    return f"this is a defect of lstm_ref, please report it: {type(error).__name__}: {text_of(error)}{place}"
