"""The public strategies: values are of their kind, problems fit the cell, and printed examples reproduce the same
arrays."""

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from lstm_ref import sequence
from lstm_ref.cells import CELLS
from lstm_ref.strategies import KINDS, SHAPES, Recipe, Sizes, arrays_like, cotangents, lengths, problems, values

SMALL = settings(max_examples=300, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
UNSHRUNK = settings(SMALL, phases=[Phase.generate])
lstm = CELLS["lstm"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_of_their_kind_and_the_same_for_the_same_seed(kind, dtype):
    x = values(kind, 3, (20, 30), dtype)
    size = np.abs(x)
    assert x.dtype == dtype
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, values(kind, 3, (20, 30), dtype))
    assert kind == "zero" or (x != values(kind, 4, (20, 30), dtype)).any()
    assert {
        "ordinary": len(np.unique(x)) == 600 and 0.4 < x.std() < 0.6,
        "zero": (x == 0).all(),
        "tiny": (size >= 0.99e-8).all() and (size <= 1.01e-3).all(),
        "saturated": 25 < x.std() < 35,
        "repeated": len(np.unique(x)) == 2,
        "mixed": (x == 0).any() and (size > 10).any() and ((size > 0) & (size < 1e-4)).any(),
    }[kind]


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_values_take_any_shape(kind, shape):
    assert values(kind, 0, shape).shape == shape


def test_sizes_are_pairwise_distinct_but_where_they_are_zero_or_one():
    for sizes in SHAPES:
        large = [n for n in sizes if n > 1]
        assert len(set(large)) == len(large)
    assert {name for sizes in SHAPES for name, n in sizes._asdict().items() if n == 1} == set("TBDH")
    assert any(sizes.T == 0 for sizes in SHAPES)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@given(data=st.data())
def test_every_problem_runs_and_its_cotangents_have_the_outputs_shapes(cell, data):
    problem = data.draw(problems(cell, data.draw(st.sampled_from([np.float64, np.float32]))))
    outputs, _ = sequence.loop(cell, *problem.arguments, problem.lengths, problem.reverse)
    assert problem.bar.hs.shape == outputs.hs.shape
    assert jax.tree.map(np.shape, problem.bar.final) == jax.tree.map(np.shape, outputs.final)
    assert len({v.dtype for v in jax.tree.leaves((problem.arguments, problem.bar))}) == 1
    T, B, _, H = problem.sizes
    assert (T, B, H) in {(s.T, s.B, s.H) for s in SHAPES}


@given(problems(lstm))
def test_the_calls_that_are_printed_make_the_very_arrays(problem):
    found = {name: call.partition(" at ")[0] for name, call in problem.how.items() if " at " not in call}
    for name, call in found.items():
        array = problem
        for part in name.split("."):
            array = getattr(array, part)
        np.testing.assert_array_equal(eval(call, {"values": values}), array)
        assert call in repr(problem)
    assert len(problem.how) == 3 + 2 + 1 + 1 + 2


def test_a_recipe_of_some_rows_prints_them_and_leaves_the_others_zero():
    recipe = Recipe("ordinary", 5, (3, 2), "float64", (True, False, True))
    assert repr(recipe) == "values('ordinary', 5, (3, 2), 'float64') at [0, 2], else 0"
    assert (recipe.make()[1] == 0).all()
    np.testing.assert_array_equal(recipe.make()[[0, 2]], values("ordinary", 5, (3, 2))[[0, 2]])


def test_a_problem_shrinks_to_the_first_shape_ordinary_values_and_a_zero_state():
    least = find(problems(lstm), lambda problem: True, settings=SMALL)
    assert least.sizes == SHAPES[0]
    assert least.lengths is None
    assert not least.reverse
    assert all((v == 0).all() for v in least.initial)
    kinds = {call.split("'")[1] for name, call in least.how.items() if not name.startswith("initial")}
    assert kinds == {"ordinary"}
    assert len(set(least.how.values())) == len(least.how)  # no array can stand in for another


def nonzero(bar):
    return tuple(int(v.any()) for v in (bar.hs, *bar.final))


@pytest.mark.parametrize("subset", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_cotangents_reach_any_subset_of_the_outputs(subset):
    find(cotangents(lstm, SHAPES[0]), lambda bar: nonzero(bar) == subset, settings=UNSHRUNK)


def test_cotangents_of_single_steps_occur():
    for t in (0, SHAPES[0].T - 1):
        find(
            cotangents(lstm, SHAPES[0]),
            lambda bar, t=t: bar.hs[t].any() and not np.delete(bar.hs, t, 0).any(),
            settings=UNSHRUNK,
        )


def test_lengths_are_none_or_integers_from_zero_to_all():
    find(lengths(5, 2), lambda n: n is None, settings=UNSHRUNK)
    for wanted in (0, 3, 5):
        found = find(lengths(5, 2), lambda n, wanted=wanted: n is not None and wanted in n, settings=UNSHRUNK)
        assert found.shape == (2,)
        assert found.dtype.kind == "i"


@given(lengths(4, 3))
def test_no_length_is_beyond_the_sequence(found):
    assert found is None or ((found >= 0) & (found <= 4)).all()


@given(arrays_like((2, 3), np.float32, ["tiny", "zero"]))
def test_arrays_keep_to_the_kinds_asked_for(x):
    assert x.shape == (2, 3)
    assert x.dtype == np.float32
    assert (np.abs(x) <= 1.01e-3).all()


@given(problems(lstm, shapes=[(2, 1, 3, 4)], lengths=st.none(), reverse=st.just(True)))
def test_a_user_can_narrow_shapes_lengths_and_direction(problem):
    assert problem.sizes == Sizes(2, 1, 3, 4)
    assert problem.lengths is None
    assert problem.reverse
