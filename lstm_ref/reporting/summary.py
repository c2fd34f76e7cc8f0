"""A summary of a model's parameters: every array with its shape and size, and the totals."""

from __future__ import annotations

from typing import Any

import jax
from rich.box import SIMPLE_HEAD
from rich.table import Table


def counts(params: Any) -> dict[str, int]:
    """How many numbers each part of a model has.

    Args:
        params: The model's parameters, a named tuple.

    Returns:
        The count of each field; fields that are None are left out.
    """
    parts = {name: jax.tree.leaves(part) for name, part in params._asdict().items()}
    return {name: sum(int(v.size) for v in leaves) for name, leaves in parts.items() if leaves}


def summary(params: Any) -> Table:
    """A table for `rich.print`, one row per array. Arrays may be shapes with a size (`jax.ShapeDtypeStruct`)."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    table.add_column("array", footer="in all")
    table.add_column("shape")
    table.add_column("numbers", justify="right", footer=f"{sum(counts(params).values()):,}")
    flat, _ = jax.tree_util.tree_flatten_with_path(params)
    for path, v in flat:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        table.add_row(name, "×".join(map(str, v.shape)), f"{v.size:,}")
    return table
