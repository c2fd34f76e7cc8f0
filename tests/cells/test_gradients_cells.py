"""One step of every cell: every hand-written adjoint against autodiff at the node; the forward against its page."""

from functools import cache, partial
from typing import NamedTuple

import jax
import numpy as np
import pytest
from helpers import (
    PROOF_DIGITS,
    an_ordinary_problem,
    assert_digits,
    assert_within,
    in_balls,
    noise_floor,
    truth,
)
from hypothesis import given, reject
from hypothesis import strategies as st

from lstm_ref import cells, oracles
from lstm_ref.arithmetic.balls import as_balls, precision
from lstm_ref.arithmetic.jaxpr import trace
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays, in_domain
from lstm_ref.cells.lstm import from_separate, from_stacked_kernel, separate, split_gates, stacked_kernel
from lstm_ref.errors import UndecidedComparison
from lstm_ref.leaves import paths
from lstm_ref.oracles.reverse import pullback
from lstm_ref.pages.probes import with_probes
from lstm_ref.strategies import SequenceProblem, Sizes, problems

each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)

PAGES = {cell.page: cell for cell in reversed(CELLS.values())}
"""Cells of one page have one backward pass; through time, values of every kind are tried on all of them."""

one_cell_a_page = pytest.mark.parametrize("cell", PAGES.values(), ids=lambda cell: cell.name)

STEP = Sizes(1, 2, 3, 4)

RNN_EDGES = {"R1*": ("params.w_x", "params.w_h", "params.b", "prev.h", "x"), "R2*": ("nodes.a", "nodes.h")}

COUPLED_EDGES = {
    "C1*": ("params.w_x", "params.w_h", "params.b", "prev.h", "x"),
    "C2*": ("nodes.a",),
    "C3*": ("nodes.s", "nodes.g", "prev.c"),
    "C4*": ("nodes.c",),
    "C5*": ("nodes.o", "nodes.u", "nodes.h"),
}

EDGES = {
    "rnn_tanh": RNN_EDGES,
    "rnn_relu": RNN_EDGES,
    "lstm": {
        "L1*": ("params.w_x", "params.w_h", "params.b", "prev.h", "x"),
        "L2*": ("nodes.a",),
        "L3*": ("nodes.i", "nodes.f", "nodes.g", "prev.c"),
        "L4*": ("nodes.c",),
        "L5*": ("nodes.o", "nodes.u", "nodes.h"),
    },
    "peephole": {
        "P1*": ("params.w_x", "params.w_h", "params.b", "prev.h", "x", "nodes.a"),
        "P2*": ("params.p_i", "params.p_f"),
        "P3*": ("nodes.i", "nodes.f", "nodes.g", "prev.c"),
        "P4*": ("params.p_o",),
        "P5*": ("nodes.o", "nodes.u", "nodes.c", "nodes.h"),
    },
    "coupled_input": COUPLED_EDGES,
    "coupled_forget": COUPLED_EDGES,
    "gru": {
        "G1*": ("params.w_x", "params.b", "x"),
        "G2*": ("params.w_h", "params.b_h", "prev.h"),
        "G3*": ("nodes.a", "nodes.m"),
        "G4*": ("nodes.r",),
        "G5*": ("nodes.z", "nodes.n", "nodes.h"),
    },
}
"""By cell, which adjoints each backward edge gives: of the cells that others are made of or vary."""

each_of_these = pytest.mark.parametrize("cell", [CELLS[k] for k in EDGES], ids=EDGES)

EACH_ADJOINT = [
    pytest.param(CELLS[cell], path, id=f"{cell}-{edge}-{path}")
    for cell, edges in EDGES.items()
    for edge, found in edges.items()
    for path in found
]


class Step(NamedTuple):
    """What one step reads, with a zero `probe` added at every named value."""

    params: object
    prev: object
    x: object
    nodes: object


def step_of(problem: SequenceProblem) -> tuple[Step, object]:
    """The first step of a problem, and the cotangent of the state after it."""
    x = jax.tree.map(lambda v: v[0], problem.xs)
    _, tape = problem.cell.forward(problem.params, problem.initial, x)
    probes = jax.tree.map(lambda v: v * 0, tape.nodes)
    return Step(problem.params, problem.initial, x, probes), problem.bar.final


def by_hand(cell, step, bar):
    _, tape = cell.forward(step.params, step.prev, step.x)
    return Step(**cell.backward(step.params, tape, bar)._asdict())


def by_autodiff(cell, step, bar):
    return pullback(lambda step: with_probes(cell)(*step)[0], step, bar)


@cache
def proven(cell):
    """(by hand, by autodiff at the node), in balls, of an ordinary problem."""
    step, bar = step_of(in_balls(an_ordinary_problem(cell, STEP)))
    floats = step_of(an_ordinary_problem(cell, STEP))
    with precision(PROOF_DIGITS + 50):
        autodiff = trace(partial(by_autodiff, cell), *floats)(step, bar)
        return paths(by_hand(cell, step, bar)), paths(autodiff)


@pytest.mark.parametrize(("cell", "path"), EACH_ADJOINT)
def test_the_adjoint_equals_autodiff_at_the_node_to_seventy_digits(cell, path):
    hand, autodiff = proven(cell)
    assert_digits({path: hand[path]}, {path: autodiff[path]})


@each_cell
def test_all_adjoints_equal_autodiff_at_the_node_to_seventy_digits(cell):
    assert_digits(*proven(cell))


@each_of_these
def test_every_adjoint_that_a_backward_gives_has_its_edge(cell):
    listed = [path for found in EDGES[cell.name].values() for path in found]
    assert sorted(listed) == sorted(proven(cell)[0])


@each_cell
def test_in_balls_the_backward_equals_differences_of_the_forward_to_seventy_digits(cell):
    """All edges at once, of what the step reads: values only, nobody's derivative rules."""
    problem = an_ordinary_problem(cell, Sizes(1, 2, 3, 1), seed=1)
    step, bar = step_of(problem)
    inputs = {"params": step.params, "prev": step.prev, "x": step.x}
    found = oracles.balls(lambda v: cell.forward(v["params"], v["prev"], v["x"])[0], inputs, bar, digits=80)
    with precision(PROOF_DIGITS + 50):
        hand = by_hand(cell, *step_of(in_balls(problem)))._asdict()
        assert_digits({name: hand[name] for name in inputs}, found.gradients, found.error)


@cache
def in_floats(cell):
    """Both ways in one compilation."""
    return jax.jit(lambda step, bar: (by_hand(cell, step, bar), by_autodiff(cell, step, bar)))


@one_cell_a_page
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
@given(data=st.data())
def test_every_adjoint_equals_autodiff_at_the_node_whatever_the_values(cell, dtype, data):
    problem = data.draw(problems(cell, dtype, [STEP], lengths=st.none(), reverse=st.just(False)))
    gradients = lambda: by_hand(cell, *step_of(in_balls(problem)))  # noqa: E731
    try:
        floor, exact = noise_floor(gradients, dtype), truth(gradients)
    except UndecidedComparison:  # rounding decides on which side of relu's kink the value falls
        reject()
    step, bar = step_of(problem)
    with x64():
        jitted, autodiff = in_floats(cell)(step, bar)
    for found in (by_hand(cell, step, bar), jitted):
        assert all(v.dtype == dtype for v in jax.tree.leaves(found))
        assert_within(found, exact, floor)
        assert_within(found, autodiff, floor, factor=2)


# ------------------------------------------------------------------------------------------------- the forward


def neuron(p, h, x, column, row):
    """x W_x + h W_h + b, of one unit, spelled out. R1 L1"""
    total = p.b[column]
    for d in range(x.shape[1]):
        total += x[row, d] * p.w_x[d, column]
    for k in range(h.shape[1]):
        total += h[row, k] * p.w_h[k, column]
    return total


def logistic(v):
    return 1 / (1 + (-v).exp())


def gru_unit(p, h, x, k, row):
    """One unit of the GRU, each sum written out."""
    H = h.shape[1]
    of_x = [sum((x[row, d] * p.w_x[d, g * H + k] for d in range(x.shape[1])), p.b[g * H + k]) for g in range(3)]  # G1
    of_h = [sum((h[row, j] * p.w_h[j, g * H + k] for j in range(H)), p.b_h[g * H + k]) for g in range(3)]  # G2
    r, z = logistic(of_x[0] + of_h[0]), logistic(of_x[1] + of_h[1])  # G3
    n = (of_x[2] + r * of_h[2]).tanh()  # G4
    return (1 - z) * n + z * h[row, k]  # G5


def spelled_out(cell, p, prev, x):
    """The state after a step, unit by unit as the papers have it, on balls."""
    B, H = prev.h.shape
    state = jax.tree.map(np.copy, prev)
    for row in range(B):
        for k in range(H):
            a = [neuron(p, prev.h, x, gate * H + k, row) for gate in range(p.b.shape[0] // H)]
            if cell.name == "lstm":
                a_i, a_f, a_g, a_o = a
                c = logistic(a_f) * prev.c[row, k] + logistic(a_i) * a_g.tanh()  # L2 L3
                state.c[row, k] = c
                state.h[row, k] = logistic(a_o) * c.tanh()  # L4 L5
            elif cell.name == "peephole":
                a_i, a_f, a_g, a_o = a
                old = prev.c[row, k]
                c = logistic(a_f + p.p_f[k] * old) * old + logistic(a_i + p.p_i[k] * old) * a_g.tanh()  # P2 P3
                state.c[row, k] = c
                state.h[row, k] = logistic(a_o + p.p_o[k] * c) * c.tanh()  # P4 P5
            elif cell.name.startswith("coupled"):
                s, g, o = logistic(a[0]), a[1].tanh(), logistic(a[2])  # C1 C2
                f, i = (1 - s, s) if cell.name == "coupled_input" else (s, 1 - s)
                state.c[row, k] = f * prev.c[row, k] + i * g  # C3
                state.h[row, k] = o * state.c[row, k].tanh()  # C4 C5
            elif cell.name == "gru":
                state.h[row, k] = gru_unit(p, prev.h, x, k, row)
            else:
                rectified = a[0] if a[0].real > 0 else a[0] * 0
                state.h[row, k] = a[0].tanh() if cell.name == "rnn_tanh" else rectified  # R2
    return state


@each_of_these
def test_the_forward_is_the_cell_that_it_claims_to_be(cell):
    step, _ = step_of(in_balls(an_ordinary_problem(cell, STEP)))
    with precision(PROOF_DIGITS + 50):
        assert_digits(
            cell.forward(step.params, step.prev, step.x)[0], spelled_out(cell, step.params, step.prev, step.x)
        )


@each_cell
def test_the_tape_holds_what_the_step_read_and_the_state_it_made(cell):
    step, _ = step_of(an_ordinary_problem(cell, STEP))
    state, tape = cell.forward(step.params, step.prev, step.x)
    assert tape.x is step.x
    assert tape.prev is step.prev
    known = {id(v) for v in jax.tree.leaves((tape.nodes, step.prev, step.x))}
    assert all(id(v) in known for v in jax.tree.leaves(state))


@pytest.mark.parametrize("sign", [0.0, -0.0])
def test_a_rectified_unit_at_exactly_zero_passes_no_gradient_by_hand_as_by_autodiff(sign):
    """R2*: the subgradient 0, as in JAX and torch."""
    cell = cells.rnn_relu
    problem = an_ordinary_problem(cell, STEP)
    flat = jax.tree.map(lambda v: v * 0 + sign, problem.params)
    step, bar = step_of(problem)
    step = step._replace(params=flat)
    with x64():
        autodiff = jax.tree.map(np.asarray, by_autodiff(cell, jax.tree.map(jax.numpy.asarray, step), bar))
    for found in (by_hand(cell, step, bar), by_hand(cell, *jax.tree.map(as_balls, (step, bar))), autodiff):
        assert all((v == 0).all() for v in (found.nodes.a, *found.params, found.x, found.prev.h))


@each_cell
def test_initial_parameters_have_the_cells_shapes(cell):
    p = cell.initial_parameters(np.random.default_rng(0), 3, 4)
    assert jax.tree.map(np.shape, p) == cell.parameter_shapes(3, 4)


@each_of_these
def test_initial_kernels_have_glorots_bounds(cell):
    p = cell.initial_parameters(np.random.default_rng(0), 3, 400)
    bound = np.sqrt(6 / 800)
    assert 0.99 * bound < np.abs(p.w_h).max() <= bound  # 160 000 draws reach that far
    assert abs(p.w_h.mean()) < 5 * bound / np.sqrt(3 * p.w_h.size)  # five standard deviations of the mean


def test_the_lstm_starts_with_open_forget_gates_and_all_other_biases_zero():
    i, f, g, o = split_gates(CELLS["lstm"].initial_parameters(np.random.default_rng(0), 2, 3).b)
    assert (f == 1).all()
    assert all((v == 0).all() for v in (i, g, o))


def test_the_stacked_kernel_is_the_same_cell_seen_as_one_matrix():
    """L1: a = [h; x] W + b."""
    step, _ = step_of(in_balls(an_ordinary_problem(CELLS["lstm"], STEP)))
    w = stacked_kernel(step.params)
    with precision(PROOF_DIGITS + 50):
        a = np.concatenate([step.prev.h, step.x], axis=1) @ w + step.params.b
        assert_digits({"a": CELLS["lstm"].forward(*step[:3])[1].nodes.a}, {"a": a})
    jax.tree.map(np.testing.assert_array_equal, from_stacked_kernel(w, step.params.b), step.params)


def test_the_separate_kernels_are_the_same_cell_gate_by_gate():
    """L1: a_k = x W_k + h U_k + b_k."""
    step, _ = step_of(in_balls(an_ordinary_problem(CELLS["lstm"], STEP)))
    parts = separate(step.params)
    assert list(parts) == [f"{kind}_{k}" for kind in "WUb" for k in "ifgo"]
    with precision(PROOF_DIGITS + 50):
        a = [step.x @ parts[f"W_{k}"] + step.prev.h @ parts[f"U_{k}"] + parts[f"b_{k}"] for k in "ifgo"]
        assert_digits({"a": CELLS["lstm"].forward(*step[:3])[1].nodes.a}, {"a": np.concatenate(a, axis=1)})
    jax.tree.map(np.testing.assert_array_equal, from_separate(parts), step.params)


def test_gradients_of_the_separate_kernels_are_the_same_view_of_the_gradients():
    cell, problem = CELLS["lstm"], an_ordinary_problem(CELLS["lstm"], STEP)
    floats, exact = step_of(problem), step_of(in_balls(problem))

    def by_autodiff(parts, step, bar):
        return pullback(lambda parts: cell.forward(from_separate(parts), step.prev, step.x)[0], parts, bar)

    with precision(PROOF_DIGITS + 50):
        autodiff = trace(by_autodiff, separate(floats[0].params), *floats)(separate(exact[0].params), *exact)
        assert_digits(separate(by_hand(cell, *exact).params), autodiff)


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.name)
def test_a_cell_by_row_gives_for_a_batch_what_its_rows_give_one_by_one(cell):
    """What lets the steps of a sequence be one batch; a cell that keeps a value without rows says so."""
    rng, B, D, H = np.random.default_rng(0), 5, 3, 2
    params, state, bar, x = (
        arrays(shapes, lambda shape: rng.standard_normal(shape) / 2)
        for shapes in (
            cell.parameter_shapes(D, H),
            cell.state_shapes(B, H, D=D),
            cell.state_shapes(B, H, D=D),
            cell.input_shapes(B, D, H=H),
        )
    )
    state = in_domain(cell, state)
    _, tape = cell.forward(params, state, x)
    assert all(v.shape[:1] == (B,) for v in jax.tree.leaves(tape)) == cell.by_row
    if cell.by_row:
        whole = cell.backward(params, tape, bar).params
        rows = [
            cell.backward(params, *jax.tree.map(lambda v: v[n : n + 1], (tape, bar))).params  # noqa: B023
            for n in range(B)
        ]
        for mine, *each in zip(*map(jax.tree.leaves, (whole, *rows)), strict=True):
            np.testing.assert_allclose(mine, sum(each), rtol=1e-12, atol=1e-13)
