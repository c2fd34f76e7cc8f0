"""Which files are derivation files, found by reading them and without running them.

`lstm-ref check FOLDER` and the pytest plugin search by this. It imports nothing heavy.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

_CLAIMS = ({"inputs", "loss", "gradients"}, {"inputs", "forward", "backward"})
_SIGNS = {"inputs", "problem", "gradients", "backward", "*"}
_SIGNS_IN_TEXT = re.compile(
    rb"^\s*(def (inputs|gradients|backward)\b|(inputs|problem)\s*(:[^=]*)?=|from\b.*\bimport\b.*(\binputs\b|\*))",
    re.MULTILINE,
)


def is_derivation(path: Path) -> bool:
    """Whether a file called derivation_*.py is a derivation file: derivation_tree.py may have nothing to do with this
    package.

    It is one if it defines or imports `inputs`, `problem` or a gradient, at its top or in a class, or imports all names
    of a module: the other parts may come from anywhere.
    """
    text = path.read_bytes()
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):  # loading it then reports the error
        return _SIGNS_IN_TEXT.search(text) is not None
    scopes = [body, *(node.body for node in body if isinstance(node, ast.ClassDef))]
    return any(name in _SIGNS for scope in scopes for name in _bound(scope))


def in_folder(folder: Path) -> list[Path]:
    """The derivation files in a folder and the folders below it, in the order of their paths.

    These are the files called derivation_*.py (`is_derivation`), and those of any name that define a whole claim in
    one scope: `inputs` with loss and gradients or with forward and backward, or `problem` by a call of lstm_ref.
    Folders whose name begins with a dot, and virtual environments, are left out.
    """
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and not Path(here, f, "pyvenv.cfg").exists()]
        found += [Path(here, name) for name in files if name.endswith(".py")]
    return sorted(path for path in found if _is_whole(path))


def _is_whole(path: Path) -> bool:
    if not os.access(path, os.R_OK):
        return False
    if path.match("derivation_*.py"):
        return is_derivation(path)
    text = path.read_bytes()
    try:
        scopes = list(_scopes(text))
    except (SyntaxError, ValueError, RecursionError):
        return False
    made = b"lstm_ref" in text and any("problem" in names for names in scopes[:1])
    return made or any(claim <= names for names in scopes for claim in _CLAIMS)


def _scopes(text: bytes) -> Iterator[set[str]]:
    """The names that a file defines at its top, and those that each of its classes does."""
    body = ast.parse(text).body
    yield set(_defined(body))
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield set(_defined(node.body))


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that these statements bind, in their blocks and by imports too; a star for those of a whole module."""
    yield from _defined(body)
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Assign):
            stored = (name for target in node.targets for name in ast.walk(target))
            yield from (name.id for name in stored if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for part in ast.iter_child_nodes(node):
                inner = part.body if isinstance(part, (ast.ExceptHandler, ast.match_case)) else [part]
                yield from _bound([one for one in inner if isinstance(one, ast.stmt)])


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name != "problem":  # which is a value, if it is anything of ours
            yield node.name
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        yield from (target.id for target in targets if isinstance(target, ast.Name))
