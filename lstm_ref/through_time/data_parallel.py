"""The rows of a batch on many devices, each with its own hand-written backward pass: edge DP1 forward, DP1* backward.

derivations/data_parallel.md derives both. Rows are independent: every device takes its own rows through time with a
copy of the parameters, and devices exchange only their gradients of the parameters, which are summed. Conventions that
bite: the batch is split over all axes of the mesh, in the order of its devices, and B must be a multiple of their
number; the gradient equals that of one device, a sum over the rows, not a mean over devices; tapes stay on the devices
that made them, concatenated along their first axis. JAX arrays.

Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from lstm_ref.cells import Cell
from lstm_ref.errors import BadInput
from lstm_ref.padding import integers
from lstm_ref.sequence import SCAN, Gradients, Through
from lstm_ref.shapes import Outputs, check, check_bar


def over(mesh: Mesh, through: Through = SCAN) -> Through:
    """The way through time that splits a batch over the devices of a mesh; each device uses `through`.

    Args:
        mesh: A `jax.sharding.Mesh`.
        through: The way through time of each device.

    Returns:
        A `Through`. Its functions raise BadInput if the rows cannot be divided evenly.

    Raises:
        BadInput: An argument is not a mesh, or not a way through time.
    """
    if not isinstance(mesh, Mesh) or not isinstance(through, Through):
        raise BadInput(f"a jax.sharding.Mesh and a way through time are needed, got {mesh!r} and {through!r}")
    return Through(partial(_forward, mesh, through), partial(_backward, mesh, through))


def bptt(mesh: Mesh, through: Through = SCAN) -> Callable[..., Outputs]:
    """A function with the arguments of `sequence.bptt` that splits the batch over the devices of the mesh."""
    way = over(mesh, through)

    @partial(jax.custom_vjp, nondiff_argnums=(0, 5))
    def custom(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> Outputs:
        return way.forward(cell, p, initial, xs, lengths, reverse)[0]

    def forward(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any, reverse: bool) -> tuple[Outputs, Any]:
        outputs, tapes = way.forward(cell, p, initial, xs, lengths, reverse)
        return outputs, (p, initial, xs, tapes, lengths)

    def backward(cell: Cell, reverse: bool, kept: Any, bar: Outputs) -> tuple[Any, Any, Any, None]:
        *read, lengths = kept
        given = way.backward(cell, *read, bar, lengths, reverse)
        return given.params, given.initial, given.xs, None

    custom.defvjp(forward, backward)

    def recurrence(cell: Cell, p: Any, initial: Any, xs: Any, lengths: Any = None, reverse: bool = False) -> Outputs:
        check(cell, p, initial, xs, lengths, reverse)  # inside `jit` the values of the lengths are unknown
        _check_split(mesh, initial)
        return custom(cell, p, initial, xs, integers(lengths), reverse)

    return recurrence


def copied(mesh: Mesh, values: Any) -> Any:
    """Copy the whole arrays to every device of the mesh. With several processes, each must give the same arrays."""
    return _place(mesh, values, P())


def split(mesh: Mesh, values: Any, axis: int) -> Any:
    """Spread the rows of arrays, which lie along `axis`, over the devices of the mesh.

    With several processes, each gives the rows of its own devices, and all give equally many. Raises BadInput if there
    is no such axis, or the rows cannot be divided evenly.
    """

    def placed(v: Any) -> Any:
        shape = np.shape(v)
        if not -len(shape) <= axis < len(shape):
            raise BadInput(f"the rows must stand along axis {axis}, got an array of shape {shape}")
        _check_rows(shape[axis], len(mesh.local_devices))
        return _place(mesh, v, _rows(mesh, axis % len(shape)))

    return jax.tree.map(placed, values)


# ------------------------------------------------------------------------------------------------- both passes


def _forward(
    mesh: Mesh,
    through: Through,
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Outputs, Any]:
    check(cell, p, initial, xs, lengths, reverse)
    _check_split(mesh, initial)
    return _on_devices(mesh, through, cell, reverse, p, initial, xs, integers(lengths))


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _on_devices(mesh: Mesh, through: Through, cell: Cell, reverse: bool, *read: Any) -> tuple[Outputs, Any]:
    def device(p: Any, initial: Any, xs: Any, lengths: Any) -> tuple[Outputs, Any]:
        return through.forward(cell, p, initial, xs, lengths, reverse)  # DP1

    rows, steps = _rows(mesh, 0), _rows(mesh, 1)
    return _map_devices(mesh, device, (P(), rows, steps, rows), (Outputs(steps, rows), rows))(*read)


def _backward(
    mesh: Mesh,
    through: Through,
    cell: Cell,
    p: Any,
    initial: Any,
    xs: Any,
    tapes: Any,
    bar: Outputs,
    lengths: Any = None,
    reverse: bool = False,
) -> Gradients:
    check_bar(cell, p, initial, xs, bar, lengths, reverse)
    _check_split(mesh, initial)
    return _on_devices_backward(mesh, through, cell, reverse, p, initial, xs, tapes, bar, integers(lengths))


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _on_devices_backward(mesh: Mesh, through: Through, cell: Cell, reverse: bool, *read: Any) -> Gradients:
    def device(p: Any, initial: Any, xs: Any, tapes: Any, bar: Outputs, lengths: Any) -> Gradients:
        given = through.backward(cell, p, initial, xs, tapes, bar, lengths, reverse)
        params_bar = jax.lax.psum(given.params, mesh.axis_names)  # DP1*  every device has read a copy
        return Gradients(params_bar, given.initial, given.xs)  # DP1*  gradients of rows stay on their device

    rows, steps = _rows(mesh, 0), _rows(mesh, 1)
    reads = P(), rows, steps, rows, Outputs(steps, rows), rows
    return _map_devices(mesh, device, reads, Gradients(P(), rows, steps))(*read)


# ------------------------------------------------------------------------------------------ where arrays stand


def _rows(mesh: Mesh, axis: int) -> P:
    """The sharding of rows along `axis` over all devices."""
    return P(*[None] * axis, mesh.axis_names)


def _map_devices(mesh: Mesh, device: Callable[..., Any], reads: Any, gives: Any) -> Callable[..., Any]:
    """Run `device` on each device's part of the arrays, and join the results."""
    if hasattr(jax, "shard_map"):
        return jax.shard_map(device, mesh=mesh, in_specs=reads, out_specs=gives, check_vma=False)
    from jax.experimental.shard_map import shard_map  # jax 0.6

    return shard_map(device, mesh, reads, gives, check_rep=False)


def _place(mesh: Mesh, values: Any, spec: P) -> Any:
    return jax.tree.map(
        lambda v: jax.make_array_from_process_local_data(NamedSharding(mesh, spec), np.asarray(v)), values
    )


# --------------------------------------------------------------------------------------------------- bad input


def _check_split(mesh: Mesh, initial: Any) -> None:
    if any(kind != AxisType.Auto for kind in mesh.axis_types):
        raise BadInput(f"the mesh must have axes of type Auto, as Mesh(devices, names) makes them, got {mesh}")
    _check_rows(initial.h.shape[0], mesh.size)


def _check_rows(rows: int, devices: int) -> None:
    if rows % devices:
        raise BadInput(f"the rows of a batch must divide evenly over the devices, got {rows} rows, {devices} devices")
