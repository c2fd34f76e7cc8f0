"""Tuned plans in files, one a machine and problem: read where everything that the choice depends on is the same."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_ref import processor
from lstm_ref.errors import BadInput, described
from lstm_ref.through_time.plan import FastPlan, check_plan
from lstm_ref.writing import write_whole

CANNOT = (OSError, RuntimeError, BadInput)
"""What a file or folder may raise that cannot be used; RuntimeError where the user has no home."""


def key(sizes: tuple[int, int, int, int], dtype: np.dtype[Any]) -> dict[str, Any]:
    """All that the choice of a plan depends on, in words and numbers."""
    return {
        **processor.facts(),
        "cores": processor.cores(),
        "backend": jax.default_backend(),
        "device": jax.local_devices()[0].device_kind,
        "devices": jax.local_device_count(),
        **{name: version(name) for name in ("lstm_ref", "jax", "jaxlib")},
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "matmul precision": str(jax.config.jax_default_matmul_precision),  # type: ignore[attr-defined]
        **dict(zip("TBDH", sizes, strict=True)),
        "dtype": dtype.name,
    }


def read(where: Path | None, about: dict[str, Any]) -> FastPlan | None:
    """The plan that is kept in the folder (by default the user's) under this key; None where there is none that can be
    used."""
    try:
        found = json.loads(_file(where, about).read_bytes())
        plan = FastPlan(**found["plan"])
        check_plan(plan, about["B"])
        return plan if found["key"] == about else None
    except (*CANNOT, ValueError, TypeError, LookupError):  # no file, or not one of ours
        return None


def keep(where: Path | None, about: dict[str, Any], plan: FastPlan, seconds: dict[FastPlan, float]) -> None:
    """Write the plan to the folder, and the medians from which it was chosen; where that fails, warn."""
    measured = [{"plan": each._asdict(), "seconds": median} for each, median in seconds.items()]
    try:
        file = _file(where, about)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"key": about, "plan": plan._asdict(), "measured": measured}, indent=1).encode())
    except CANNOT as error:
        warnings.warn(f"the tuned plan is not kept: {described(error)}", stacklevel=3)


def _file(where: Path | None, about: dict[str, Any]) -> Path:
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
    return (where or _users_folder()) / f"{name}.json"


def _users_folder() -> Path:
    """Where the XDG Base Directory Specification has it; relative paths are to be ignored."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "lstm_ref" / "plans"
