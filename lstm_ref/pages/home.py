"""Where the derivation pages are: inside an installed package, or beside the package in the repository."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path | None:
    """The folder of the pages; None where they were not installed."""
    found = (home / "derivations" for home in (_PACKAGE, _PACKAGE.parent))
    return next((f for f in found if f.is_dir()), None)
