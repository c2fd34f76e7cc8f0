"""Where gather and scatter take and put elements, counted out by NumPy: as JAX's own do with the elements' numbers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from lstm_ref.arithmetic.balls import as_balls, midpoints
from lstm_ref.arithmetic.indexing import NOWHERE, gathered, scattered
from lstm_ref.arithmetic.jaxpr import in_balls, trace
from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import UnknownPrimitive

MODES = ("clip", "fill", "promise_in_bounds")


@st.composite
def windows(draw):
    """A gather's shape, sizes of its windows, dimension numbers and indices, some of them out of bounds."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    n = len(shape)
    sizes = [draw(st.integers(1, s)) for s in shape]
    start_map = draw(st.permutations(range(n)).map(lambda p: p[: draw(st.integers(0, n))]))
    collapsed = sorted(d for d in range(n) if sizes[d] == 1 and draw(st.booleans()))
    many = draw(st.lists(st.integers(0, 3), max_size=2))
    offsets = sorted(draw(st.permutations(range(len(many) + n - len(collapsed))))[: n - len(collapsed)])
    how = lax.GatherDimensionNumbers(tuple(offsets), tuple(collapsed), tuple(start_map))
    count = int(np.prod(many)) * len(start_map)
    indices = draw(st.lists(st.integers(-2, 5), min_size=count, max_size=count))
    dtype = draw(st.sampled_from([np.int32, np.int8, np.uint8, np.uint32]))
    return shape, sizes, how, np.array(indices).reshape(*many, len(start_map)).astype(dtype)


def equation(function, *arguments):
    with x64():
        return jax.make_jaxpr(function)(*arguments).jaxpr.eqns[-1]


@given(windows(), st.sampled_from(MODES), st.integers(0, 2))
def test_gather_takes_what_jax_takes(drawn, mode, batches):
    shape, sizes, how, indices = drawn
    gather = partial(lax.gather, dimension_numbers=how, slice_sizes=tuple(sizes), mode=mode, fill_value=NOWHERE)
    for _ in range(batches):  # under vmap, dimensions of operand and indices run together
        gather, shape, indices = jax.vmap(gather, in_axes=(0, -2)), (2, *shape), np.stack([indices, indices[::-1]], -2)
    numbers = np.arange(np.prod(shape)).reshape(shape)
    with x64():
        expected = gather(numbers, indices)
    np.testing.assert_array_equal(uncompiled(gather, numbers, indices)(numbers, indices), expected)


@given(windows(), st.sampled_from(MODES[:2]), st.booleans())
def test_scatter_puts_where_jax_puts(drawn, mode, is_batched):
    shape, sizes, how, indices = drawn
    how = lax.ScatterDimensionNumbers(how.offset_dims, how.collapsed_slice_dims, how.start_index_map)
    kept = iter([s for d, s in enumerate(sizes) if d not in how.inserted_window_dims])
    many, places = iter(indices.shape[:-1]), len(indices.shape) - 1 + len(how.update_window_dims)
    updates = [next(kept) if d in how.update_window_dims else next(many) for d in range(places)]
    scatter = partial(lax.scatter_add, dimension_numbers=how, mode=mode)
    if is_batched:
        scatter, shape, updates, indices = jax.vmap(scatter), (2, *shape), (2, *updates), np.stack([indices, indices])
    zeros = np.zeros(shape)
    found = scattered(equation(scatter, zeros, indices, np.zeros(updates)), indices)
    numbers = np.arange(1.0, zeros.size + 1).reshape(shape)
    with x64():
        (landed,) = jax.linear_transpose(lambda u: scatter(zeros, indices, u), np.zeros(updates))(numbers)
    np.testing.assert_array_equal(found, np.asarray(landed) - 1)


DTYPES = (np.float64, np.float32, np.int32, np.uint8, np.bool_, np.complex128)


ONE_BY_ONE = lax.GatherDimensionNumbers((), (0,), (0,))


@pytest.mark.parametrize("fill_value", [None, 1])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_out_of_bounds_a_gather_fills_as_jax_does(dtype, fill_value):
    x, indices = np.arange(4).astype(dtype), np.array([[1], [9], [-7]])
    taken = partial(lax.gather, dimension_numbers=ONE_BY_ONE, slice_sizes=(1,), mode="fill", fill_value=fill_value)
    with x64():
        expected = np.asarray(jax.jit(taken)(x, indices))
    found = uncompiled(taken, x, indices)(x, indices)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if dtype == np.float64:
        np.testing.assert_array_equal(midpoints(in_balls(taken)(x, indices)), expected)


def test_balls_are_taken_by_indices_that_are_computed():
    """The same equation with other indices is another map."""
    taken = lambda v, n: jnp.where(v[0] < n, v[jnp.stack([n, n - 1])], 0)  # noqa: E731
    program = trace(taken, np.arange(6.0), np.array(2))
    for n in (2, 5, 2):
        assert midpoints(program(as_balls(np.arange(6.0)), np.array(n))).tolist() == [n, n - 1]


def test_a_mode_that_is_not_known_is_refused():
    x = equation(lambda v, n: v.at[n].get(mode="clip"), np.zeros(3), np.array([1]))
    with pytest.raises(UnknownPrimitive, match="gather by one-hot vectors"):
        gathered(x.replace(params=x.params | {"mode": lax.GatherScatterMode.ONE_HOT}), np.array([[1]]))
