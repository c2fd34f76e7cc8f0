"""A set of vectors in a folder: `manifest.json`, and for each problem `NAME.safetensors` and `NAME.decimals.json`.

The decimals are those of outputs and gradients, and for a single step also those of nodes; through time the nodes would
be most of a set. The bytes depend only on the package's version: no library writes them, and they contain no clock time
or machine name. A folder that contains anything other than an unchanged set is never written to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from lstm_ref.errors import BadInput
from lstm_ref.interop.vectors.cases import Case, given
from lstm_ref.interop.vectors.proven import Proven
from lstm_ref.writing import write_whole

MANIFEST = "manifest.json"
GENERATOR, SCHEMA = "lstm_ref vectors", 1
LICENSE = "Apache-2.0"
INPUTS = "(sha256(PROBLEM/ARRAY/INDEX) mod 2048 - 1024) / 1024; its absolute value where the page docs/vectors.md says"
DTYPES = {"float64": "F64", "int64": "I64"}
"""The safetensors name of each NumPy dtype."""


class Set(NamedTuple):
    """A set as it was read."""

    folder: Path
    problems: dict[str, dict[str, Any]]
    """The entries of the manifest by name."""

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """A problem's arrays by name, in the manifest's order. Raises BadInput for a file that has changed since it was
        written."""
        path = self.folder / f"{name}.safetensors"
        _require_unchanged(path, self.problems[name]["sha256"].get(f"{name}.safetensors"))
        found = read_arrays(path)
        return {array: found[array] for array in self.problems[name]["arrays"]}


def contents(case: Case, values: Mapping[str, Proven]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """A problem's files by their path in the folder, and its entry in the manifest."""
    arrays = {**given(case), **{name: v.doubles for name, v in values.items()}}
    roles = ("output.", "gradient.", "node.") if case.name.startswith("cell/") else ("output.", "gradient.")
    decimals = {name: v.decimals for name, v in values.items() if name.startswith(roles)}
    lines = ",\n".join(f"{json.dumps(name)}: {_compact(texts)}" for name, texts in decimals.items())
    files = {
        f"{case.name}.safetensors": safetensors(arrays),
        f"{case.name}.decimals.json": f"{{\n{lines}\n}}\n".encode(),
    }
    about: dict[str, Any] = {"what": case.what, "page": case.page, "tags": case.tags}
    if case.cell is not None:
        about |= {"cell": case.cell.name, "gates": case.cell.gates}
    if "lengths" in case.constants:
        about["lengths"] = case.constants["lengths"].tolist()
    about["sha256"] = {path: sha256(data).hexdigest() for path, data in files.items()}
    about["arrays"] = {
        name: {"role": name.partition(".")[0], "dtype": DTYPES[v.dtype.name], "shape": v.shape}
        for name, v in arrays.items()
    }
    return files, about


def safetensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as a safetensors file: length of the header, header, data in the order of the header."""
    header, data = {}, b""
    for name, v in arrays.items():
        raw = np.ascontiguousarray(v).astype(v.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": DTYPES[v.dtype.name],
            "shape": v.shape,
            "data_offsets": (len(data), len(data) + len(raw)),
        }
        data += raw
    text = _compact(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def require_writable(folder: Path) -> None:
    """Raises BadInput unless the folder is new, empty, or contains only an unchanged set."""
    if not folder.exists():
        if not folder.parent.is_dir():
            raise BadInput(f"{folder}: there is no folder {folder.parent}")
        return
    if not folder.is_dir():
        raise BadInput(f"{folder}: is not a folder")
    found = _files(folder)
    if not found:
        return
    if MANIFEST not in found:
        raise BadInput(f"{folder}: contains {found[0]}, but no vectors of lstm_ref: the folder is left unchanged")
    ours = {path: digest for about in read(folder).problems.values() for path, digest in about["sha256"].items()}
    for path in set(found) & set(ours):
        _require_unchanged(folder / path, ours[path])
    strange = next((path for path in found if path not in ours and path != MANIFEST), None)
    if strange is not None:
        raise BadInput(f"{folder}: contains {strange}, which is not part of its vectors: the folder is left unchanged")


def write(folder: Path, problems: Iterable[tuple[Case, Mapping[str, Proven]]]) -> int:
    """Writes the set, replacing an earlier one, and returns its size in bytes. Everything is computed before anything
    is written.

    Raises BadInput as `require_writable` does.
    """
    require_writable(folder)
    files: dict[str, bytes] = {}
    entries = {}
    for case, values in problems:
        its_own, entries[case.name] = contents(case, values)
        files |= its_own
    files[MANIFEST] = _manifest(entries)
    try:
        old = _files(folder) if folder.exists() else []
        for path, data in files.items():
            (folder / path).parent.mkdir(exist_ok=True, parents=True)
            write_whole(folder / path, data)
        for path in set(old) - set(files):
            (folder / path).unlink()
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror}") from error
    return sum(map(len, files.values()))


def read(folder: Path) -> Set:
    """The set in a folder. Raises BadInput for a folder without one, or with another schema."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["generator"] != GENERATOR:
            raise KeyError
        if manifest["schema"] != SCHEMA:
            raise BadInput(f"{path}: schema {manifest['schema']}, but this version reads {SCHEMA}")
        for name, about in manifest["problems"].items():
            if not re.fullmatch(r"[\w-]+/[\w-]+", name) or not {"arrays", "sha256"} <= about.keys():
                raise KeyError
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: is not a manifest of lstm_ref's vectors, or it is damaged") from None
    return Set(folder, manifest["problems"])


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, with any dtypes that NumPy has. Raises BadInput for any other file."""
    try:
        with path.open("rb"):  # opened first, so that an error of the system keeps its own words
            pass
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None
    except (SafetensorError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: is not a safetensors file that can be read: {error}") from None


def _require_unchanged(path: Path, digest: str | None) -> None:
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    if found != digest:
        raise BadInput(f"{path}: was changed or damaged: its SHA-256 is not the manifest's")


def _files(folder: Path) -> list[str]:
    """The paths of all files in the folder, in the form of the manifest."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _manifest(entries: Mapping[str, Any]) -> bytes:
    """One line per problem: short, and a change in a problem changes one line."""
    head = {"generator": GENERATOR, "schema": SCHEMA, "lstm_ref": version("lstm_ref"), "license": LICENSE}
    lines = ",\n".join(f"{json.dumps(name)}: {_compact(about)}" for name, about in entries.items())
    return f'{json.dumps(head | {"inputs": INPUTS})[:-1]}, "problems": {{\n{lines}\n}}}}\n'.encode()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
