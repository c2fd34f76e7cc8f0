"""Computes a few problems on eight devices, and the rows of each on one, and writes the results as a pickle to its
argument."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import jax
import numpy as np
from helpers import an_ordinary_problem
from jax.sharding import Mesh
from machine import candidates

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput
from lstm_ref.sequence import SCAN
from lstm_ref.strategies import Sizes
from lstm_ref.through_time import data_parallel, fast_lstm
from lstm_ref.through_time.pieces import in_pieces
from lstm_ref.through_time.plan import FastPlan

SIZES = Sizes(5, 16, 3, 4)
LENGTHS = [5, 1, 0, 3, 5, 2, 4, 4, 0, 0, 1, 5, 3, 2, 5, 4]
"""The fifth device has nothing but padding."""
PROBLEMS = {
    "lstm": an_ordinary_problem(CELLS["lstm"], SIZES, lengths=LENGTHS, reverse=True),
    "gru": an_ordinary_problem(CELLS["gru"], SIZES, lengths=LENGTHS),
    "conv_lstm_1d": an_ordinary_problem(CELLS["conv_lstm_1d"], SIZES),  # whose state is a map
    "dropconnect": an_ordinary_problem(CELLS["dropconnect"], SIZES, lengths=LENGTHS),  # whose tape is not by rows
}


def rows_of(problem, device):
    """The problem of the two rows of one device."""
    rows = slice(2 * device, 2 * device + 2)
    at = lambda axis, tree: jax.tree.map(lambda v: v[(slice(None),) * axis + (rows,)], tree)  # noqa: E731
    return replace(
        problem,
        initial=at(0, problem.initial),
        xs=at(1, problem.xs),
        bar=sequence.Outputs(at(1, problem.bar.hs), at(0, problem.bar.final)),
        lengths=None if problem.lengths is None else at(0, problem.lengths),
    )


def by(way, problem):
    """(outputs, gradients) in NumPy."""
    how = problem.lengths, problem.reverse
    outputs, tapes = way.forward(problem.cell, *problem.arguments, *how)
    given = way.backward(problem.cell, *problem.arguments, tapes, problem.bar, *how)
    return jax.tree.map(np.asarray, (outputs, given))


def by_custom_vjp(mesh, problem):
    """The same by `jax.vjp`, of arrays that are on their devices already, jitted."""
    read = (
        data_parallel.copied(mesh, problem.params),
        data_parallel.split(mesh, problem.initial, axis=0),
        data_parallel.split(mesh, problem.xs, axis=1),
    )
    lengths = None if problem.lengths is None else data_parallel.split(mesh, problem.lengths, axis=0)

    @jax.jit
    def both(read, lengths, bar):
        recurrence = lambda *read: data_parallel.bptt(mesh)(problem.cell, *read, lengths, problem.reverse)  # noqa: E731
        outputs, vjp = jax.vjp(recurrence, *read)
        return outputs, vjp(bar)

    outputs, given = both(read, lengths, problem.bar)
    talk = both.lower(read, lengths, problem.bar).compile().as_text()
    return *jax.tree.map(np.asarray, (outputs, sequence.Gradients(*given))), talk


def by_plan(plan, problem):
    """The gradients of arrays that are in place, in NumPy; computed twice."""
    read = fast_lstm.placed(plan, *problem.arguments, problem.bar)
    run = fast_lstm.gradients(plan)
    return [jax.tree.map(np.asarray, run(*read, problem.lengths, problem.reverse)) for _ in range(2)]


def by_bptt(plan, problem):
    """The gradients by `fast_lstm.bptt` and `jax.vjp`, in NumPy."""
    recurrence = lambda *read: fast_lstm.bptt(*read, problem.lengths, problem.reverse, plan=plan)  # noqa: E731
    _, vjp = jax.vjp(recurrence, *problem.arguments)
    return jax.tree.map(np.asarray, sequence.Gradients(*vjp(problem.bar)))


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except BadInput as why:
        return str(why)


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    jax.config.update("jax_enable_x64", True)
    devices = np.array(jax.devices())
    mesh = Mesh(devices, ("rows",))
    lstm = PROBLEMS["lstm"]
    found = {
        "split": {name: by(data_parallel.over(mesh), problem) for name, problem in PROBLEMS.items()},
        "alone": {name: [by(SCAN, rows_of(problem, n)) for n in range(8)] for name, problem in PROBLEMS.items()},
        "of two axes": by(data_parallel.over(Mesh(devices.reshape(4, 2), ("a", "b"))), lstm),
        "by pieces": by(data_parallel.over(mesh, in_pieces(2, SCAN)), lstm),
        "custom": by_custom_vjp(mesh, lstm),
        "plans": {plan: by_plan(plan, lstm) for plan in candidates(SIZES, "float64")},
        "bptt by a plan": by_bptt(FastPlan("fast", 4, 2, 1, 1), lstm),
        "odd rows": refused(by, data_parallel.over(mesh), rows_of(lstm, 0)),
        "odd rows of a plan": refused(fast_lstm.default_plan, *SIZES, "float64", devices=3),
        "odd rows placed": refused(fast_lstm.placed, FastPlan("fast", 8, 2, 1, 1), *rows_of(lstm, 0).arguments, None),
        "odd arrays": refused(data_parallel.split, mesh, np.ones((4, 12)), axis=1),
    }
    if hasattr(jax.sharding, "AxisType"):
        explicit = Mesh(devices, ("rows",), axis_types=(jax.sharding.AxisType.Explicit,))
        found["explicit"] = refused(by, data_parallel.over(explicit), lstm)
    for name, wrong in {"no sum": lambda v, axes: v, "a mean": jax.lax.pmean}.items():
        data_parallel._on_devices_backward.clear_cache()
        with mock.patch.object(jax.lax, "psum", wrong):
            found[name] = by(data_parallel.over(mesh), lstm)
    Path(sys.argv[1]).write_bytes(pickle.dumps(found))
