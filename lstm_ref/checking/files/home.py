"""Runs a derivation file's code with its own folder on the path and its own neighbouring modules.

Two files of one process may each have a `helper.py` beside them, and each must get its own. So modules that a file
imports from its folder are removed from `sys.modules` when its code ends, and put back when it runs again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from lstm_ref.errors import LstmRefError, is_readable, text_of
from lstm_ref.places import is_librarys

PREFIX = "derivation_file_"
"""Prefix of the modules made of derivation files: these stay in `sys.modules`, under names that nobody imports."""


class Home:
    """A context in which the code of one file runs as in a process of its own."""

    def __init__(self, file: Path) -> None:
        self.file = file.resolve()
        self.folder = str(self.file.parent)
        self._path = [self.folder, *sys.path]
        self._folders = {self.folder}
        """Folders of its own modules: the file's folder, and those that the file itself adds to the path."""
        self._own: dict[str, ModuleType] = {}
        """Modules imported from those folders, by name; other files do not see them."""
        self._names = _importable(self.folder) - {"lstm_ref"}
        self._directory = os.getcwd()
        """The working directory that the file changed to; reports are still written relative to the original one."""
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        self._came_from = _change_directory(self._directory)
        self._outside = sys.path[:]
        sys.path[:] = self._path
        sys.meta_path.insert(0, self)
        loaded = {name: _place(sys.modules[name]) for name in self._names & sys.modules.keys()}
        foreign = {name for name, place in loaded.items() if not (_is_installed(place) or self._is_from_here(place))}
        self._shared = loaded.keys() - foreign
        self._aside = _remove_modules((foreign | set(map(_top, self._own))) & sys.modules.keys())
        sys.modules.update(self._own)
        self._size = len(sys.modules)

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        self._directory = _change_directory(self._came_from)
        if sys.path != self._path:  # rarely: the file's code has changed it
            self._path = sys.path[:]
            self._folders = {*map(os.path.abspath, self._path)} - {*map(os.path.abspath, self._outside)} | {self.folder}
        # if the number is the same, nothing was imported; comparing names would take longer than most calls
        if len(sys.modules) != self._size:
            found = {
                n for n, module in list(sys.modules.items()) if "." not in n and self._is_from_here(_place(module))
            }
            files = {n for n in found if n.startswith(PREFIX)}
            self._own |= _remove_modules(found - self._shared - files - {"lstm_ref"})
        for name in self._own:
            sys.modules.pop(name, None)
        sys.modules.update(self._aside)
        sys.meta_path.remove(self)
        sys.path[:] = self._outside

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A finder for `sys.meta_path`, so that a file called flax.py that imports flax does not import itself."""
        if name != self.file.stem or path is not None:
            return None
        found = PathFinder.find_spec(name, [p for p in sys.path if os.path.abspath(p) != self.folder])
        return found if found is not None and found.origin is not None and _is_installed(found.origin) else None

    def _is_from_here(self, place: str | None) -> bool:
        return place is not None and os.path.dirname(place) in self._folders and not _is_installed(place)

    def at_home(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, wrapped to run in this context. It raises only ordinary exceptions with readable text: an
        attempt to end the process counts as a failure of the function."""

        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            with self:
                try:
                    return function(*given, **named)
                except (KeyboardInterrupt, LstmRefError):
                    raise
                except BaseException as error:
                    if isinstance(error, Exception) and is_readable(error):
                        raise
                    raise type(type(error).__name__, (Exception,), {})(text_of(error)) from error

        return call


def _change_directory(directory: str) -> str:
    """Change the working directory; return the previous one."""
    before = os.getcwd()
    if before != directory:
        os.chdir(directory)
    return before


def _importable(folder: str) -> set[str]:
    """The names that an import could find in a folder."""
    with os.scandir(folder) as entries:
        return {e.name.partition(".")[0] for e in entries if e.name.endswith((".py", ".so", ".pyd")) or e.is_dir()}


def _remove_modules(tops: Any) -> dict[str, ModuleType]:
    """Remove the modules of these names, and their submodules, from `sys.modules`, and return them."""
    if not tops:
        return {}
    return {name: sys.modules.pop(name) for name in list(sys.modules) if _top(name) in tops}


def _top(name: str) -> str:
    return name.partition(".")[0]


def _place(module: ModuleType | None) -> str | None:
    """The file of a module, or the folder of a package; found without calling a module's own `__getattr__`."""
    known = getattr(module, "__dict__", None) or {}
    folders = known.get("__path__")
    try:
        place = next(iter(folders)) if folders is not None else known.get("__file__")
    except (StopIteration, TypeError):
        return None
    return os.path.abspath(place) if isinstance(place, str) else None


def _is_installed(place: str | None) -> bool:
    """Whether a module at this place is Python's own or an installed package, which a neighbouring file must not
    replace."""
    return place is None or is_librarys(place)
