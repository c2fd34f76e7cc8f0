"""Checkpoints: one safetensors file with everything that a run needs to resume; never pickle.

Arrays: `params.*`, `optimizer.*`, `best.*`, named by their path. Metadata: one JSON object with the model, the step,
the vocabularies, the settings and the data's digest, and a checksum over these and the arrays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lstm_ref.data.vocabulary import Vocabulary
from lstm_ref.errors import BadInput
from lstm_ref.training.run import Best, RunState, dtype, optimizer
from lstm_ref.training.settings import Settings, check, precision
from lstm_ref.training.task import Task
from lstm_ref.writing import write_whole

KEY = "lstm_ref run 2"
"""Key of the JSON object in the metadata. The number changes with the format."""
KEY_WITHOUT_CHECKSUM = "lstm_ref run 1"
"""Key in older files, which have no checksum. They can be read, but a change in them is not noticed."""
CHECKSUM = "sha256"
"""Key of the checksum in the JSON object."""


class Checkpoint(NamedTuple):
    """All that a run needs to resume."""

    settings: Settings
    vocabularies: dict[str, Vocabulary]
    digest: str
    """SHA-256 of the data."""
    state: RunState
    """NumPy arrays when loaded."""


def write(path: str | Path, task: Task, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint as a whole or not at all. Raises BadInput where the file cannot be written."""
    settings, vocabularies, digest, state = checkpoint
    about = {
        "model": task.name,
        "step": state.step,
        "goal": state.goal,
        "best": state.best and {"step": state.best.step, "goal": state.best.goal},
        "vocabularies": vocabularies,
        "settings": asdict(settings),
        "data": digest,
    }
    named = _named("params", state.params) | _named("optimizer", state.optimizer)
    named |= _named("best", state.best.params) if state.best else {}
    arrays = {name: np.array(value, order="C") for name, value in named.items()}
    about[CHECKSUM] = checksum(about, arrays)
    write_whole(path, save(arrays, metadata={KEY: json.dumps(about)}))


def checksum(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the rest of the JSON object and the arrays: names, dtypes, shapes, bits."""
    digest = sha256(json.dumps({name: value for name, value in about.items() if name != CHECKSUM}).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {array.dtype.name} {arrays[name].shape}\n".encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()


def read(path: str | Path, task: Task) -> Checkpoint:
    """Reads the checkpoint in a file. Raises BadInput if it is absent, truncated, not a checkpoint, or of other
    sizes."""
    about, arrays = _contents(path)
    try:
        if about["model"] != task.name:
            raise BadInput(f"it is a checkpoint of the model {about['model']}")
        settings, step, best, goal = task.Settings(**about["settings"]), about["step"], about["best"], about["goal"]
        check(settings)
        vocabularies = {name: tuple(map(str, symbols)) for name, symbols in about["vocabularies"].items()}
        if type(step) is not int or step < 0 or not all(vocabularies.values()):
            raise BadInput("its step or its vocabulary is invalid")
        digest = str(about["data"])
        at = None if best is None else (int(best["step"]), float(best["goal"]))
        if at and not 0 < at[0] <= step:
            raise BadInput("its best step is invalid")
        goal = None if goal is None else float(goal)
        shapes = task.shapes(vocabularies, settings)
    except (BadInput, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise BadInput(f"{path} is not a {task.name} checkpoint that this version can read: {error}") from None
    params = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, dtype(settings)), shapes, is_leaf=lambda v: type(v) is tuple
    )  # this allocates nothing, whatever sizes the settings claim
    _require_equal(path, _named("params", params), arrays, "params.")
    with precision(settings):
        moments = jax.eval_shape(optimizer(settings).init, params)
    trees = {"params": params, "optimizer": moments} | ({"best": params} if at else {})
    _require_equal(path, {k: v for prefix, tree in trees.items() for k, v in _named(prefix, tree).items()}, arrays)
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise BadInput(f"{path} is damaged: {name} holds numbers that are not finite")
    loaded = {
        prefix: jax.tree.unflatten(jax.tree.structure(tree), [arrays[name] for name in _named(prefix, tree)])
        for prefix, tree in trees.items()
    }
    state = RunState(step, loaded["params"], loaded["optimizer"], Best(*at, loaded["best"]) if at else None, goal)
    return Checkpoint(settings, vocabularies, digest, state)


def _contents(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with open(path, "rb"):  # opened first, so that an error of the system keeps its own words
            pass
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        key = KEY if KEY in metadata else KEY_WITHOUT_CHECKSUM
        about = dict(json.loads(metadata[key]))
        if key == KEY and checksum(about, arrays) != about[CHECKSUM]:
            raise BadInput(f"{path} is damaged: its contents do not match its checksum")
    except OSError as error:
        raise BadInput(f"cannot read the checkpoint {path}: {error.strerror or error}") from None
    except BadInput:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{path} is not a checkpoint of this package, or it is truncated or damaged") from None
    return about, arrays


def _require_equal(path: Any, expected: dict[str, Any], arrays: dict[str, Any], prefix: str = "") -> None:
    """Raises BadInput unless the arrays with this prefix have the expected names, shapes and dtypes."""
    for name in sorted(expected.keys() | {name for name in arrays if name.startswith(prefix)}):
        wanted, found = (_describe(tree.get(name)) for tree in (expected, arrays))
        if wanted != found:
            raise BadInput(f"{path} does not fit its own settings: {name} must be {wanted}, but is {found}")


def _named(prefix: str, tree: Any) -> dict[str, Any]:
    """The tree's leaves under their names in a file."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {f"{prefix}.{jax.tree_util.keystr(path, simple=True, separator='.')}": value for path, value in flat}


def _describe(array: Any) -> str:
    return "absent" if array is None else f"{np.dtype(array.dtype).name} {tuple(array.shape)}"
