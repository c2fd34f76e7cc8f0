"""The arrays of a sequence: what shapes and dtypes they must have, and one clear error where they do not."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_ref.cells.cell import Cell, Tape, named, solve_sizes
from lstm_ref.errors import BadInput
from lstm_ref.padding import check_lengths


class Outputs(NamedTuple):
    """What a recurrence computes from (params, initial state, xs)."""

    hs: Any
    """Output of every step, (T, B, H)."""
    final: Any
    """State after the last step."""


def steps_of(xs: Any) -> int:
    """The number of time steps T of the inputs (T, B, ...)."""
    return int(jax.tree.leaves(xs)[0].shape[0])


# ------------------------------------------------------------------------------------- the definition: a loop


def as_rows(tree: Any) -> Any:
    """(T, B, ...) as (T·B, ...)."""
    return jax.tree.map(lambda v: v.reshape(v.shape[0] * v.shape[1], *v.shape[2:]), tree)


def check(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: Any = False) -> None:
    """BadInput, with the name of the array that does not fit, what was expected and what came."""
    if not isinstance(cell, Cell):
        raise BadInput(f"the cell must be a Cell, as lstm_ref.cells.CELLS has them by name, got {cell!r}")
    if not isinstance(reverse, (bool, np.bool_)):
        raise BadInput(f"{cell.name}: reverse must be True or False, and under jit static, got {reverse!r}")
    for name, values, shapes in (
        ("xs", xs, cell.x),
        ("parameters", p, cell.params),
        ("initial state", initial, cell.state),
    ):
        _check_structure(f"{cell.name}: {name}", values, shapes)
    for x, shape in zip(jax.tree.leaves(xs), jax.tree.leaves(cell.x), strict=True):
        axes = ("T", *shape.split())
        if x.ndim != len(axes):
            raise BadInput(f"{cell.name}: xs must be time-major ({', '.join(axes)}), got shape {tuple(x.shape)}")
        if x.shape[0] != steps_of(xs):
            raise BadInput(f"{cell.name}: xs must all have as many steps, got {steps_of(xs)} and {x.shape[0]}")
    T = steps_of(xs)
    sizes = solve_sizes(
        (f"{cell.name}: a step of xs", cell.x, {k: tuple(v.shape[1:]) for k, v in named(xs).items()}),
        (f"{cell.name}: initial state", cell.state, {k: tuple(v.shape) for k, v in named(initial).items()}),
        (f"{cell.name}: parameter", cell.params, {k: tuple(v.shape) for k, v in named(p).items()}),
    )
    check_lengths(cell.name, lengths, T, sizes["B"])


def check_bar(
    cell: Cell, p: Any, initial: Any, xs: Any, bar: Outputs, lengths: Any = None, reverse: Any = False
) -> None:
    """As `check`; also raises BadInput unless the cotangents have the shapes of the outputs: one that broadcasts would
    be a silent mistake."""
    check(cell, p, initial, xs, lengths, reverse)
    kind = type(bar) if getattr(bar, "_fields", None) == Outputs._fields else Outputs
    _check_structure(f"{cell.name}: the cotangents of the outputs", bar, kind("T B H", cell.state))
    wanted = {"hs": (steps_of(xs), *initial.h.shape)} | {f"final.{k}": v.shape for k, v in named(initial).items()}
    found = {"hs": bar.hs.shape} | {f"final.{k}": v.shape for k, v in named(bar.final).items()}
    for name in wanted | found:
        if tuple(wanted.get(name, ())) != tuple(found.get(name, ())):
            raise BadInput(
                f"{cell.name}: the cotangent of {name} must have shape {tuple(wanted.get(name, ()))}, got "
                f"{tuple(found.get(name, ()))}"
            )


def check_tapes(cell: Cell, tapes: Any, T: int) -> None:
    """BadInput unless there is a tape of each step, as `sequence.loop` gives them."""
    if isinstance(tapes, Tape) or len(tapes) != T:
        came = "one that is stacked" if isinstance(tapes, Tape) else str(len(tapes))
        raise BadInput(f"{cell.name}: there must be a tape of each of the {T} steps, as loop gives them, got {came}")


def _check_structure(what: str, values: Any, shapes: Any) -> None:
    if jax.tree.structure(values) != jax.tree.structure(shapes):  # type: ignore[operator]
        raise BadInput(f"{what} must be {_structure(shapes)}, got {_structure(values)}")
    for path, v in jax.tree.leaves_with_path(values):
        if not hasattr(v, "shape"):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise BadInput(f"{what} must be {'an array' if not path else f'arrays, {name} too'}, got {v!r}")
        if not getattr(v.dtype, "isnative", True):  # JAX compiles for the other byte order, and does not notice
            raise BadInput(f"{what} must be in this machine's byte order, got {v.dtype.str}")


def _structure(v: Any) -> str:
    if hasattr(v, "_fields"):
        return f"a named tuple of {', '.join(k + _kind(getattr(v, k)) for k in v._fields)}"
    return "one array" if isinstance(v, str) else type(v).__name__


def _kind(field: Any) -> str:
    """The type, in brackets, of a field that is neither an array nor a named tuple; otherwise empty."""
    is_one = hasattr(field, "shape") or hasattr(field, "_fields") or isinstance(field, str)
    return "" if is_one else f" ({'None' if field is None else type(field).__name__})"


def check_dtypes(p: Any, initial: Any, xs: Any, bar: Any = None) -> None:
    """BadInput unless all share one floating dtype: NumPy's float64 is JAX's float32 where float64 is switched off."""
    arrays = jax.tree.leaves_with_path({"params": p, "initial": initial, "xs": xs, "bar": bar})
    dtypes = {jnp.result_type(v) for _, v in arrays if v.dtype != object}
    if len(dtypes) != 1 or not jnp.issubdtype(dtypes.pop(), jnp.floating):
        found = ", ".join(f"{jax.tree_util.keystr(k, simple=True, separator='.')}: {v.dtype}" for k, v in arrays)
        raise BadInput(f"params, initial state, xs and cotangents must share one floating dtype, got {found}")


def is_whole(v: Any, least: int = 1) -> bool:
    """Whether it is a whole number, Python's or NumPy's, and no smaller."""
    return isinstance(v, (int, np.integer)) and not isinstance(v, bool) and bool(v >= least)
