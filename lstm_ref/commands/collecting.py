"""Which files are derivation files, found by reading them and without running them.

`lstm-ref check FOLDER` and the pytest plugin search by this. It imports nothing heavy.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

_CLAIMS = (("inputs", "loss", "gradients"), ("inputs", "forward", "backward"))
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


def in_folder(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The derivation files in a folder and the folders below it, in the order of their paths; and those that look like
    one and are none, each with the reason.

    These are the files called derivation_*.py (`is_derivation`), and those of any name that define a whole claim in
    one scope: `inputs` with loss and gradients or with forward and backward, or `problem` by a call of lstm_ref.
    Folders whose name begins with a dot, and virtual environments, are left out.
    """
    every: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and not Path(here, f, "pyvenv.cfg").exists()]
        every += [Path(here, name) for name in files if name.endswith(".py") and os.access(Path(here, name), os.R_OK)]
    why_not = {path: _why_not(path) for path in sorted(every)}
    return [path for path, why in why_not.items() if why is None], {path: why for path, why in why_not.items() if why}


def _why_not(path: Path) -> str | None:
    """None for a derivation file; else why a file that looks like one is none, or nothing for a file of another kind.

    One looks like a derivation file if it is not Python, has two of the three parts of a claim in one scope (in a
    class, `inputs` and another: layers have a forward and a backward) or has one and is called derivation_*.py.
    """
    is_called_so = path.match("derivation_*.py")
    if is_called_so and is_derivation(path):
        return None
    text = path.read_bytes()
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError) as error:
        return type(error).__name__
    scopes = [body, *(node.body for node in body if isinstance(node, ast.ClassDef))]
    defined = [set(_defined(scope)) for scope in scopes]
    if (b"lstm_ref" in text and "problem" in defined[0]) or any(
        names.issuperset(c) for names in defined for c in _CLAIMS
    ):
        return None
    for scope, own in zip(scopes, defined, strict=True):
        names = own | set(_bound(scope))
        for claim in _CLAIMS:
            lacking = [name for name in claim if name not in names]
            if not lacking and claim[-1] in own:
                return f"imports {', '.join(name for name in claim if name not in own)}"
            if own & set(claim) and len(lacking) <= (2 if is_called_so else 1) and (scope is body or "inputs" in own):
                return f"no {', '.join(lacking)}" if lacking else ""
    return ""


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
