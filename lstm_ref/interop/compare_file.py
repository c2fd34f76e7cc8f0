"""Reads a file that defines a recurrent layer, and compares the layer with ours."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from lstm_ref.checking.files.derivation_file import imported, naming_lines
from lstm_ref.errors import BadInput
from lstm_ref.interop.compare import Comparison, compare

LAYERS = ("run", "module", "forward")
"""Under which name the layer stands: the first of these that the file has."""
OPTIONS = ("layout", "cell", "autodiff", "layers", "both", "zero_state", "dtypes", "sizes")


def compare_file(file: str, seed: int = 0) -> Comparison:
    """Compares the layer of a Python file.

    Args:
        file: Path of the file, which defines a layer, and any of `OPTIONS`: the arguments of `compare`.
        seed: Seed of all numbers.

    Returns:
        The comparison.

    Raises:
        BadInput: The file cannot be used, or its code fails; the message names the line.
    """
    path = Path(file)
    with naming_lines(file):
        module, home = imported(path)
        with home:
            return compare(_layer(path, module), **_options(module), seed=seed)


def _layer(path: Path, module: ModuleType) -> Any:
    for name in LAYERS:
        if hasattr(module, name):
            return getattr(module, name)
    raise BadInput(f"{path}: defines no layer; it is called {', '.join(LAYERS[:-1])} or {LAYERS[-1]}")


def _options(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in OPTIONS if hasattr(module, name)}
