"""Every gradient of an LSTM, derived by hand, and proven right several independent ways; and the kit that proves yours.

Importing this package imports nothing heavy and changes no state, JAX's configuration included: names are loaded when
they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_ref.arithmetic.jaxpr import in_balls
    from lstm_ref.checking import Report, check_gradients
    from lstm_ref.checking.code.adapters import custom_vjp, torch_function
    from lstm_ref.errors import BadInput, LstmRefError
    from lstm_ref.interop.compare import Comparison, compare
    from lstm_ref.testing import UndecidedGradient, WrongGradient, assert_gradients

__version__ = "0.2.0"

_HOME = {
    "BadInput": "lstm_ref.errors",
    "Comparison": "lstm_ref.interop.compare",
    "LstmRefError": "lstm_ref.errors",
    "Report": "lstm_ref.checking",
    "UndecidedGradient": "lstm_ref.testing",
    "WrongGradient": "lstm_ref.testing",
    "assert_gradients": "lstm_ref.testing",
    "check_gradients": "lstm_ref.checking",
    "compare": "lstm_ref.interop.compare",
    "custom_vjp": "lstm_ref.checking.code.adapters",
    "in_balls": "lstm_ref.arithmetic.jaxpr",
    "torch_function": "lstm_ref.checking.code.adapters",
}

__all__ = [
    "BadInput",
    "Comparison",
    "LstmRefError",
    "Report",
    "UndecidedGradient",
    "WrongGradient",
    "assert_gradients",
    "check_gradients",
    "compare",
    "custom_vjp",
    "in_balls",
    "torch_function",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'lstm_ref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
