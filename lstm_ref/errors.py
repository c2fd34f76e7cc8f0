"""The errors that a caller is meant to read: one line that says what was expected, what came, and where. Also how any
error is turned into one line."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from lstm_ref.places import is_librarys, is_ours


class LstmRefError(Exception):
    """Base of every error that this package raises on purpose."""


class BadInput(LstmRefError, ValueError):
    """An input cannot be used: a shape, a name, a dtype, a file. The message says what was expected, what came, and
    where."""


class CannotEvaluate(LstmRefError, ArithmeticError):
    """A function cannot be evaluated in this arithmetic. It may be right all the same."""


class TakesFloatsAlone(CannotEvaluate):
    """NumPy code does not accept numbers other than floats, as code that fills a buffer from np.zeros does."""


class UndecidedComparison(CannotEvaluate):
    """Two balls overlap, so a comparison of the numbers in them cannot be decided."""


class UnknownPrimitive(CannotEvaluate):
    """A JAX primitive or NumPy function has no rule in ball arithmetic."""


class LeavesTheGraph(CannotEvaluate):
    """A traced number became a plain number, which its graph cannot follow. The message names the line where it did."""


# ----------------------------------------------------------------------------------------------------- in one line


def nearest(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """The end of a message on a name that is none of these: those that begin with it, else the nearest one; where none
    is near, `otherwise`.

    >>> "no cell is called 'lsmt'" + nearest("lsmt", ["gru", "lstm"])
    "no cell is called 'lsmt'; did you mean lstm?"
    """
    known = list(names)
    near = [one for one in known if name and one.startswith(name)][:2] or get_close_matches(name, known, 1)
    return f"; did you mean {' or '.join(near)}?" if near else otherwise and f"; {otherwise}"


_UNSEEN = {ord(c): c.encode("unicode_escape").decode() for c in map(chr, (*range(32), *range(127, 160)))}
_UNSEEN |= {c: f"\\u{c:04x}" for c in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that a terminal interprets instead of showing: control characters, and those that change text
direction."""


def shown(text: str) -> str:
    """The text with such characters as escapes, so that a name cannot clear the reader's screen."""
    return text.translate(_UNSEEN)


def text_of(error: BaseException) -> str:
    """The first line of an error's text, whatever its class does when asked for it; of one without a text, as of a bare
    assertion, the statement that raised it."""
    if isinstance(error, SyntaxError):
        return str(error.msg)
    if not is_readable(error):
        return "(its text is unavailable)"
    frames = traceback.extract_tb(error.__traceback__)
    text = str(error).strip() or (frames and frames[-1].line) or ""
    return text.split("\n")[0][:200]


def described(error: BaseException) -> str:
    """The kind of an error and its first line; for an error of this package, the line alone."""
    return text_of(error) if isinstance(error, LstmRefError) else f"{type(error).__name__}: {text_of(error)}"


def is_readable(error: BaseException) -> bool:
    """Whether the error's text is available: `__str__` may run any code."""
    try:
        str(error)
    except BaseException:
        return False
    return True


def is_defect(error: BaseException) -> bool:
    """Whether the error comes from this package's own lines: the innermost line outside libraries is ours, not the
    user's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not is_librarys(frame.filename):
            return is_ours(frame.filename)
    return False


def defect(error: BaseException) -> str:
    """The message for an unforeseen error, which is a bug in this package."""
    here = Path(__file__).parent
    ours = [f for f in traceback.extract_tb(error.__traceback__) if here in Path(f.filename).parents]
    place = f" ({Path(ours[-1].filename).relative_to(here.parent)}:{ours[-1].lineno})" if ours else ""
    return f"this is a defect of lstm_ref, please report it: {type(error).__name__}: {text_of(error)}{place}"
