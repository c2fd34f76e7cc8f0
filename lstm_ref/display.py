"""How a result shows itself at a prompt and in a notebook.

Results are plain data, on the floors below `reporting/`, which knows how they look. So this is the one place where they
call upwards, by name, and only when somebody looks.
"""

from __future__ import annotations

import importlib
from typing import Any

_LOOKS = "lstm_ref.reporting.looks"


def text(value: Any) -> str:
    """The value as the terminal shows it."""
    return str(importlib.import_module(_LOOKS).text(value))


def html(value: Any) -> str:
    """The value as a fragment of HTML, for a notebook."""
    return str(importlib.import_module(_LOOKS).html(value))
