"""Checkpoints of the character model: one safetensors file that holds all a run needs to go on; never pickle.

Arrays: `params.*` and `optimizer.*`, named by their path. Metadata: one JSON object with the step, the vocabulary, the
settings and the text's digest. A file is written beside its place and then moved there, so that a reader, or a crash,
finds the old file or the new one and nothing between.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lstm_ref.errors import BadInput
from lstm_ref.models import char_lm
from lstm_ref.models.training import OPTIMIZERS, Settings, State, check, dtype, precision

KEY = "lstm_ref char-lm 1"
"""Where the JSON stands in the metadata; the number changes with the format."""


class Checkpoint(NamedTuple):
    """A run at rest."""

    settings: Settings
    characters: str
    """The vocabulary."""
    digest: str
    """SHA-256 of the text."""
    state: State
    """Arrays are NumPy's when loaded."""


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint to the path, whole or not at all. Raises BadInput where the place cannot be written."""
    settings, characters, digest, state = checkpoint
    about = {"step": state.step, "characters": characters, "settings": asdict(settings), "text": digest}
    named = _named("params", state.params) | _named("optimizer", state.optimizer)
    arrays = {name: np.array(value, order="C") for name, value in named.items()}
    data = save(arrays, metadata={KEY: json.dumps(about)})
    place = Path(path)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        try:
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, place)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write the checkpoint {path}: {error.strerror}") from None


def read(path: str | Path) -> Checkpoint:
    """The checkpoint in a file. Raises BadInput for a file that is absent, truncated, not ours, or of other sizes."""
    about, arrays = _contents(path)
    try:
        settings, step, characters = Settings(**about["settings"]), about["step"], about["characters"]
        check(settings)
        if type(step) is not int or step < 0 or list(characters) != sorted(set(characters)) or len(characters) < 2:
            raise BadInput("its step or its vocabulary makes no sense")
        digest = str(about["text"])
    except (BadInput, KeyError, TypeError) as error:
        raise BadInput(f"{path} is not a char-lm checkpoint that this version can read: {error}") from None
    params = _params_shapes(settings, len(characters))
    _require_equal(path, _named("params", params), arrays, "params.")
    with precision(settings):
        optimizer = jax.eval_shape(OPTIMIZERS[settings.optimizer](settings.learning_rate).init, params)
    expected = _named("params", params) | _named("optimizer", optimizer)
    _require_equal(path, expected, arrays)
    params, optimizer = (
        jax.tree.unflatten(jax.tree.structure(tree), [arrays[name] for name in _named(prefix, tree)])
        for prefix, tree in (("params", params), ("optimizer", optimizer))
    )
    return Checkpoint(settings, characters, digest, State(step, params, optimizer))


def _contents(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with open(path, "rb"):  # so that what the system has to say comes in its own words
            pass
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[KEY])
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise BadInput(f"cannot read the checkpoint {path}: {error.strerror or error}") from None
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise BadInput(f"{path} is not a char-lm checkpoint, or it is truncated") from None


def _params_shapes(settings: Settings, V: int) -> char_lm.Params:
    """The parameters' shapes and dtypes under these settings; nothing is allocated, whatever sizes they claim."""
    shapes = char_lm.parameter_shapes(V, settings.hidden)
    return char_lm.Params(*(type(p)(*(jax.ShapeDtypeStruct(shape, dtype(settings)) for shape in p)) for p in shapes))


def _require_equal(path: Any, expected: dict[str, Any], arrays: dict[str, Any], prefix: str = "") -> None:
    """BadInput unless the arrays whose names begin so have the expected names, shapes and dtypes."""
    for name in sorted(expected.keys() | {name for name in arrays if name.startswith(prefix)}):
        wanted, found = (_describe(tree.get(name)) for tree in (expected, arrays))
        if wanted != found:
            raise BadInput(f"{path} does not fit its own settings: {name} must be {wanted}, and is {found}")


def _named(prefix: str, tree: Any) -> dict[str, Any]:
    """The tree's leaves under the names they have in a file."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {f"{prefix}.{jax.tree_util.keystr(path, simple=True, separator='.')}": value for path, value in flat}


def _describe(array: Any) -> str:
    return "absent" if array is None else f"{np.dtype(array.dtype).name} {tuple(array.shape)}"
