"""The normal form, the derivative on it, and arrays of it, held to what they stand for: einsum and NumPy."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_ref import arithmetic
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import named
from lstm_ref.symbolic import functions as of
from lstm_ref.symbolic.adjoints import adjoints
from lstm_ref.symbolic.arrays import Terms, concatenate, split
from lstm_ref.symbolic.axes import axis_of
from lstm_ref.symbolic.inputs import input_array, inputs
from lstm_ref.symbolic.naming import with_names
from lstm_ref.symbolic.point import Point
from lstm_ref.symbolic.prove import run_forward
from lstm_ref.symbolic.sizes import CannotProve, Size, size
from lstm_ref.symbolic.terms import (
    INPUT,
    MASK,
    ONE,
    STEP,
    ZERO,
    Polynomial,
    applied,
    atom,
    normal,
    number,
    power,
    unnamed,
    value,
)
from lstm_ref.symbolic.terms import named as with_name

H, D, B = size("H"), size("D"), size("B")
ATOMS = [atom(INPUT, f"v{n}", (H,) * n) for n in range(4)] + [atom(INPUT, f"w{n}", (H,) * n) for n in (1, 2)]
FREE = 2
SIDE = 4
"""More numbers along an axis than a monomial below has labels: so no identity holds of this size alone."""


@st.composite
def monomials(draw):
    """Factors of a product, as written: labels 0 and 1 free, those below 0 summed."""
    chosen = draw(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=4))
    label = st.sampled_from([0, 1, -1, -2, -3])
    return [(a, tuple(draw(label) for _ in a.sizes), draw(st.integers(1, 2))) for a in chosen]


sums = st.lists(st.tuples(monomials(), st.fractions(-3, 3, max_denominator=4)), min_size=1, max_size=4)


def in_normal_form(terms):
    total = ZERO
    for factors, coefficient in terms:
        if coefficient:
            monomial, c = normal(factors, coefficient)
            total = total + Polynomial({monomial: c})
    return total


def by_einsum(point, terms):
    """The sum as it is written, factor by factor, with axes for the labels 0 and 1."""
    total = np.zeros((SIDE,) * FREE)
    for factors, coefficient in terms:
        operands = []
        for a, labels, p in factors:
            operands += [point.value(a) ** p, [k % 6 for k in labels]]
        seen = {k for _, labels, _ in factors for k in labels}
        kept = [k for k in range(FREE) if k in seen]
        term = np.einsum(*operands, kept) * float(coefficient)
        total = total + term.reshape([SIDE if k in kept else 1 for k in range(FREE)])
    return total


def close(one, other, absolute):
    """Float64 sums of a few hundred products: errors below 1e-12 of the absolute sum."""
    return bool(np.all(np.abs(one - other) <= 1e-12 * (1 + absolute)))


@given(sums)
@settings(max_examples=60, deadline=None)
def test_the_normal_form_has_the_value_of_what_is_written(terms):
    point = Point(1, H=SIDE)
    total, absolute = point.polynomial(in_normal_form(terms), (H,) * FREE)
    assert close(total, by_einsum(point, terms), absolute)


@given(sums, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_names_of_bound_labels_and_every_order_make_no_difference(terms, random):
    shuffled = []
    for factors, coefficient in terms:
        new = dict(zip([-1, -2, -3], random.sample([-4, -5, -6, -7], 3), strict=True))
        renamed = [(a, tuple(new.get(k, k) for k in labels), p) for a, labels, p in factors]
        random.shuffle(renamed)
        shuffled.append((renamed, coefficient))
    random.shuffle(shuffled)
    assert in_normal_form(terms) == in_normal_form(shuffled)


@given(monomials(), monomials())
@settings(max_examples=100, deadline=None)
def test_two_normal_forms_that_differ_have_different_values(one, other):
    same = in_normal_form([(one, Fraction(1))]) == in_normal_form([(other, Fraction(1))])
    point = Point(2, H=SIDE)
    difference = in_normal_form([(one, Fraction(1)), (other, Fraction(-1))])
    assert same == (not difference) == (not point.tells_from_zero(difference))
    assert same == np.allclose(by_einsum(point, [(one, 1)]), by_einsum(point, [(other, 1)]), rtol=1e-9)


@given(sums, sums)
@settings(max_examples=40, deadline=None)
def test_products_sums_and_sums_over_a_label_are_those_of_the_values(one, other):
    point, p, q = Point(3, H=SIDE), in_normal_form(one), in_normal_form(other)
    for made, wanted in (
        (p * q, by_einsum(point, one) * by_einsum(point, other)),
        (p - q, by_einsum(point, one) - by_einsum(point, other)),
    ):
        total, absolute = point.polynomial(made, (H,) * FREE)
        assert close(total, wanted, absolute)
    total, absolute = point.polynomial((p * q).summed(1, H), (H,))
    assert close(total, (by_einsum(point, one) * by_einsum(point, other)).sum(1), absolute)


FUNCTIONS = {
    "sigmoid": of.sigmoid_of,
    "tanh": of.tanh_of,
    "exp": lambda v: of.exp_of(of.tanh_of(v)),
    "log": lambda v: of.log_of(ONE + v * v),
    "sqrt": lambda v: of.sqrt_of(ONE + v * v),
    "reciprocal": lambda v: power(ONE + v * v, -1),
    "log_sigmoid": of.log_sigmoid_of,
    "a name": lambda v: with_name("named", v),
    "relu": of.relu_of,
    "maximum": lambda v: of.maximum_of(v, value(ATOMS[0])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(sums)
@settings(max_examples=8, deadline=None)
def test_adjoints_are_the_derivative_by_a_complex_step(name, terms):
    total = FUNCTIONS[name](in_normal_form(terms))
    for label in range(FREE):
        total = total.summed(label, H) if label in total.free else total
    rng, right = np.random.default_rng(4), {}
    at = {a.name: rng.normal(size=(SIDE,) * len(a.sizes)) for a in ATOMS}
    for a in ATOMS:
        along = rng.normal(size=at[a.name].shape)
        point = Point(inputs=at | {a.name: at[a.name] + 1e-200j * along}, H=SIDE)
        right[a] = np.imag(complex_value(point, total)) * 1e200, along
    if any(len(set(labels)) < len(labels) for labels in labels_within(total)):
        with pytest.raises(CannotProve, match="diagonal"):
            adjoints(total, {})
        return
    found = adjoints(total, {})
    point = Point(inputs=at, H=SIDE)
    for a, (slope, along) in right.items():
        mine, absolute = point.polynomial(found.get(a, ZERO), a.sizes)
        assert abs(np.sum(mine * along) - slope) <= 1e-9 * (1e-30 + abs(slope) + np.sum(np.abs(along) * absolute))


def labels_within(total):
    """The labels of all factors of the polynomial, and of all functions' arguments in it."""
    for monomial in total.terms:
        for a, labels, _ in monomial:
            yield labels
            if a.argument is not None and a.kind != STEP:
                yield from labels_within(a.argument)


def complex_value(point, total):
    return point.polynomial(total, ())[0]


# ----------------------------------------------------------------------------------------------------- identities


V = value(ATOMS[1])


@pytest.mark.parametrize(
    "one, other",
    [
        (of.sigmoid_of(-V), ONE - of.sigmoid_of(V)),
        (of.tanh_of(-V), -of.tanh_of(V)),
        (of.step_of(V * number(3)), of.step_of(V)),
        (of.step_of(of.relu_of(V)), of.step_of(V)),
        (of.step_of(V) * of.step_of(V), of.step_of(V)),
        (of.step_of(V) * of.step_of(-V), ZERO),
        (of.maximum_of(V, -V), of.relu_of(V) + of.relu_of(-V)),
        (V * power(V, -1), ONE),
        (power(power(ONE + V, -1), -1) * power(ONE + V, -1), ONE),
        ((V * power(V, -1)).summed(0, H), number(H)),
        (Polynomial({normal([(ATOMS[1], (-1,), 1), (ATOMS[1], (-1,), -1)], Fraction(1))[0]: Fraction(1)}), number(H)),
        (number(H) * power(number(H), Fraction(-1, 2)), power(number(H), Fraction(1, 2))),
        (number(0.1), number(Fraction(0.1))),
    ],
)
def test_what_is_the_same_has_one_normal_form(one, other):
    assert one == other


@pytest.mark.parametrize(
    "one, other",
    [
        (of.sigmoid_of(V), of.tanh_of(V)),
        (value(ATOMS[2]), value(ATOMS[2], (1, 0))),
        (number(0.1), number(Fraction(1, 10))),
        (unnamed(with_name("n", V + ONE)), with_name("n", V + ONE)),
        (unnamed(with_name("n", V + ONE).scaled(Fraction(2))), V + ONE),
        (unnamed(with_name("n", V + ONE) * with_name("n", V + ONE)), V + ONE),
    ],
)
def test_what_is_not_the_same_has_not(one, other):
    assert one != other


def test_names_are_written_out_only_until_nothing_is_left():
    n = with_name("n", V + ONE)
    y = with_name("y", V * power(n, -1))
    assert of.is_zero(y * n - V)
    assert of.is_zero(of.sigmoid_of(y) - of.sigmoid_of(V * power(n, -1)))
    assert of.is_zero(n - V - ONE)
    assert not of.is_zero(y * n - V - V)
    assert not of.is_zero(applied("exp", n) - applied("exp", V))


def test_a_division_by_what_can_be_zero_as_a_whole_is_refused():
    for zero in (ZERO, of.step_of(V), value(atom(MASK, "m"))):
        with pytest.raises(CannotProve):
            power(zero, -1)


# --------------------------------------------------------------------------------------------------------- arrays


def drawn(point, array):
    """The array of terms in floats: its blocks one beside the other."""
    if array.grid.size == 0:
        return np.zeros(tuple(map(point.size, array.shape)))
    out = np.empty(array.grid.shape, object)
    for place in np.ndindex(array.grid.shape):
        lengths = [axis.blocks[k] for axis, k in zip(array.axes, place, strict=True)]
        v = array.grid[place]
        open_ = [k for k, n in enumerate(lengths) if isinstance(n, Size)]
        close_up = v.relabelled({k: n for n, k in enumerate(open_)})
        total, _ = point.polynomial(close_up, tuple(lengths[k] for k in open_))
        out[place] = total.reshape([point.size(n) for n in lengths])
    return np.block(out.tolist()) if out.ndim else out[()]


@pytest.mark.parametrize("name", CELLS)
def test_on_terms_a_cell_computes_what_it_computes_on_numbers(name):
    """Forward, and backward: so what is proven is about the code that runs."""
    cell = CELLS[name]
    forward, point = run_forward(cell, {k: n for k, n in cell.sizes if k != "P"}), Point(5, B=2, D=3, H=4, P=3)
    read = forward.p, forward.state, forward.x, forward.bar
    p, state, x, bar = jax.tree.map(lambda v: drawn(point, v), read)
    _, tape = cell.forward(p, state, x)
    pairs = [(forward.tape.nodes, tape.nodes)]
    given = with_names(partial(cell.backward, forward.p, forward.tape, forward.bar), lambda given: named(given.nodes))
    pairs += list(zip(given, cell.backward(p, tape, bar), strict=True))
    for mine, theirs in pairs:
        theirs = {"x": theirs} if not hasattr(theirs, "_fields") else named(theirs)
        for field, terms in ({"x": mine} if isinstance(mine, Terms) else named(mine)).items():
            assert np.allclose(drawn(point, terms), theirs[field], rtol=1e-9, atol=1e-9), field


def array(shape, **sizes):
    return inputs(shape, {"B": B, "D": D, "H": H} | sizes, "v")


ELEMENTARY = {
    "exp": arithmetic.exp,
    "log": lambda v: arithmetic.log(1 + v * v),
    "sqrt": lambda v: arithmetic.sqrt(1 + v * v),
    "tanh": arithmetic.tanh,
    "sigmoid": lambda v: arithmetic.sigmoid(1 - v),
    "relu": arithmetic.relu,
    "step": arithmetic.step,
    "maximum": lambda v: arithmetic.maximum(v, 0.25 - v),
    "clip": lambda v: arithmetic.clip(v, 0.5),
    "softplus": arithmetic.softplus,
    "log_sigmoid": arithmetic.log_sigmoid,
    "where": lambda v: arithmetic.where(np.array([[True, False, True]]), v, 2 * v),
    "stack": lambda v: arithmetic.stack([v, 2 * v]),
}


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_on_terms_are_those_on_numbers(name):
    point, v = Point(7, B=4), inputs("B 3", {"B": B}, "v")
    numbers = drawn(point, v)
    assert np.allclose(drawn(point, ELEMENTARY[name](v)), ELEMENTARY[name](numbers))


def test_a_mask_of_terms_chooses():
    keep, v = input_array("keep", (axis_of(B), axis_of(1)), kind=MASK), array("B 3H")
    point = Point(9, B=4, H=2)
    wanted = np.where(drawn(point, keep) > 0, drawn(point, v), 5.0)
    assert len(set(drawn(point, keep).flat)) == 2
    assert np.array_equal(drawn(point, arithmetic.where(keep, v, 5.0)), wanted)


MOVES = [
    lambda v: v.T,
    lambda v: v[..., None],
    lambda v: v.swapaxes(0, 1),
    lambda v: v.reshape(v.shape[0], 3, v.shape[1] // 3),
    lambda v: v.reshape(-1, 3, v.shape[1] // 3).reshape(v.shape),
    lambda v: v[:, v.shape[1] // 3 : 2 * (v.shape[1] // 3)],
    lambda v: concatenate([v, v], axis=-1) if isinstance(v, Terms) else np.concatenate([v, v], axis=-1),
    lambda v: split(v, 3, 1)[1] if isinstance(v, Terms) else np.split(v, 3, 1)[1],
    lambda v: v.sum(),
    lambda v: v.sum((0, 1)),
    lambda v: v.mean(1),
    lambda v: v.T @ v,
    lambda v: v - v.sum(-1)[..., None] / v.shape[-1],
    lambda v: 1 / (2 + v * v) ** 2,
]


@pytest.mark.parametrize("move", MOVES)
def test_arrays_move_and_add_up_as_numpys_do(move):
    point, v = Point(6, B=2, H=5), array("B 3H")
    made = move(v)
    wanted = np.asarray(move(drawn(point, v)))
    assert tuple(map(point.size, made.shape)) == wanted.shape
    assert np.allclose(drawn(point, made), wanted)


@pytest.mark.parametrize(
    "ask",
    [
        lambda v: bool(v),
        lambda v: len(v),
        lambda v: v[0],
        lambda v: v[:, :2],
        lambda v: v.shape[0] > 1,
        lambda v: v.shape[0] // v.shape[1],
        lambda v: v.reshape(v.shape[1], v.shape[0]),
        lambda v: v @ v,
        lambda v: v + v.T,
        lambda v: np.linalg.norm(v),
        lambda v: np.asarray(v),
        lambda v: range(v.shape[0]),
        lambda v: v * float("nan"),
    ],
)
def test_what_depends_on_a_size_or_a_value_is_refused(ask):
    with pytest.raises((CannotProve, TypeError)):
        ask(array("B 3H"))
