"""Every plan gives the same gradient, and one plan always the same bits; the default plan; tuning for real."""

import json
import re
from functools import cache, partial

import jax
import numpy as np
import pytest
from helpers import an_ordinary_problem, assert_within, by_hand, in_balls, noise_floor, read
from machine import candidates

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput
from lstm_ref.strategies import Sizes
from lstm_ref.through_time import fast_lstm, tuning
from lstm_ref.through_time.plan import FastPlan, default_plan

lstm = CELLS["lstm"]
PROBLEMS = {
    "padded": an_ordinary_problem(lstm, Sizes(5, 2, 3, 4), lengths=[5, 2], reverse=True),
    "a single row": an_ordinary_problem(lstm, Sizes(4, 1, 3, 6)),
}
EVERY = [
    *(("padded", plan) for plan in candidates((5, 2, 3, 4), "float32")),
    *(("a single row", plan) for plan in candidates((4, 1, 3, 6), "float32")),
]


@cache
def expected(name):
    """The loop's gradients, and the floor that they and ours are within of the truth."""
    problem = PROBLEMS[name]
    floor = noise_floor(lambda: read(by_hand(in_balls(problem))[1]), np.float64)
    return read(by_hand(problem)[1]), floor


@pytest.mark.parametrize(("name", "plan"), EVERY, ids=map(str, EVERY))
def test_every_plan_that_is_tried_gives_the_loops_gradient(name, plan):
    problem = PROBLEMS[name]
    with x64():
        given = fast_lstm.gradients(plan)(*problem.arguments, problem.bar, problem.lengths, problem.reverse)
    assert_within(read(given), *expected(name), factor=2)


@pytest.mark.parametrize("plan", [FastPlan("fast", 1, 2, 2, 1), FastPlan("scan", 1, 5, 1, 1)], ids=str)
def test_so_does_jax_by_the_recurrence_with_a_plan(plan):
    problem = PROBLEMS["padded"]
    with x64():
        recurrence = lambda *read: fast_lstm.bptt(*read, problem.lengths, problem.reverse, plan=plan)  # noqa: E731
        _, vjp = jax.vjp(recurrence, *problem.arguments)
        given = sequence.Gradients(*vjp(problem.bar))
    assert_within(read(given), *expected("padded"), factor=2)


def test_the_recurrence_runs_as_the_plan_says():
    *arguments, _ = single(PROBLEMS["padded"])
    pieces = FastPlan("fast", 1, 2, 1, 1)
    others = pieces._replace(blocks=2), pieces._replace(weights_first=True), FastPlan("scan", 1, 5, 1, 1)
    plans = None, pieces, *others
    programs = {str(jax.make_jaxpr(partial(fast_lstm.bptt, plan=plan))(*arguments)) for plan in plans}
    assert len(programs) == len(plans)


def single(problem):
    return jax.tree.map(np.float32, (*problem.arguments, problem.bar))


@pytest.mark.parametrize(
    "plan", [FastPlan("fast", 1, 8, 2, 1), FastPlan("fast", 1, 20, 1, 2), FastPlan("scan", 1, 20, 1, 1)], ids=str
)
def test_with_one_plan_the_bits_are_always_the_same(plan):
    """In two calls, and compiled anew."""
    arrays = single(an_ordinary_problem(lstm, Sizes(20, 8, 32, 64)))

    def bits():
        run = fast_lstm.gradients(plan)
        return [np.asarray(v).tobytes() for _ in range(2) for v in jax.tree.leaves(run(*arrays))]

    first = bits()
    assert first[: len(first) // 2] == first[len(first) // 2 :]
    jax.clear_caches()
    fast_lstm._gradients.cache_clear()
    assert bits() == first


def test_xla_leaves_the_weights_first():
    """It knows that (wᵀvᵀ)ᵀ is v w, and makes that of it if it may."""
    *arguments, bar = single(an_ordinary_problem(lstm, Sizes(4, 2, 3, 16)))

    def products(weights_first):
        run = fast_lstm.gradients(FastPlan("fast", 1, 2, 1, 1, weights_first=weights_first))
        text = jax.jit(run).lower(*arguments, bar).compile().as_text()
        return set(re.findall(r"= f32\[([0-9,]+)\]\S* dot\(", text))

    adjoint = {"16,2"} if jax.__version_info__ >= (0, 10) else set()  # jax 0.6's XLA turns it round all the same
    assert {"64,2", *adjoint} <= products(True)  # FL2, FL3*
    assert {"2,64", "2,16"} <= products(False)


def test_what_is_done_for_large_kernels_gives_the_loops_gradient(monkeypatch):
    """W_h first by default, and the left factor of FL4* copied: here for small ones."""
    monkeypatch.setattr("lstm_ref.through_time.plan.CACHE", 1)
    monkeypatch.setattr("lstm_ref.through_time.plan.UNITS_A_ROW", 1)
    monkeypatch.setattr(fast_lstm, "LARGE", 0)
    problem = an_ordinary_problem(lstm, Sizes(5, 2, 3, 7))  # compiled for no other test
    floor = noise_floor(lambda: read(by_hand(in_balls(problem))[1]), np.float64)
    with x64():
        _, vjp = jax.vjp(fast_lstm.bptt, *problem.arguments)
        program = str(jax.make_jaxpr(vjp)(problem.bar))
        given = sequence.Gradients(*vjp(problem.bar))
    assert program.count("optimization_barrier") == 3
    assert_within(read(given), read(by_hand(problem)[1]), floor, factor=2)


def test_a_plan_is_plain_data():
    plan = default_plan(100, 32, 64, 128)
    assert FastPlan(**json.loads(json.dumps(plan._asdict()))) == plan
    assert fast_lstm.gradients(plan) is fast_lstm.gradients(FastPlan(*plan))
    assert fast_lstm.through(plan) is fast_lstm.through(FastPlan(*plan))


def test_the_default_plan_is_that_of_the_rules(monkeypatch):
    """At the sizes of the benchmark, with two devices and two cores."""
    monkeypatch.setattr(jax, "local_device_count", lambda: 2)
    monkeypatch.setattr("lstm_ref.through_time.plan.cores", lambda: 2)
    sizes = (50, 16, 32, 32), (100, 32, 64, 128), (100, 64, 256, 256), (200, 64, 256, 512), (256, 1, 256, 256)
    assert [default_plan(*size)[:5] for size in sizes] == [
        ("fast", 1, 50, 1, 1),
        ("fast", 2, 25, 1, 1),
        ("fast", 2, 20, 1, 2),
        ("fast", 2, 20, 1, 2),
        ("fast", 1, 256, 2, 1),
    ]
    assert [default_plan(*size).weights_first for size in sizes] == [False, False, False, True, False]
    assert default_plan(100, 32, 256, 256).weights_first  # 16 rows a device
    assert not default_plan(100, 2, 64, 128).weights_first  # W_h stays in the cache
    assert not default_plan(100, 1, 256, 256).weights_first  # a row has no other order
    assert default_plan(100, 64, 64, 128).programs == 1  # the tape of a device
    assert default_plan(100, 64, 64, 128, devices=1).programs == 2
    assert default_plan(100, 33, 64, 128).devices == 1  # odd rows
    assert default_plan(20, 32, 512, 512).devices == 1  # too few of them for so many units
    assert default_plan(200, 64, 256, 512, devices=1)[:5] == ("fast", 1, 8, 1, 2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: default_plan(5, 4, 3, 4, devices=99), 'the plan needs 99 JAX devices, .*"jax_num_cpu_devices", 99'),
        (lambda: default_plan(5, 4, 3, 4, devices=0), "a plan must have .*, got FastPlan.*devices=0"),
        (lambda: default_plan(5, 0, 3, 4), "B must be a whole number of at least 1, got 0"),
        (lambda: fast_lstm.gradients("fast"), "a FastPlan is needed, as fast_lstm.default_plan gives one, got 'fast'"),
        (lambda: fast_lstm.through(None), "a FastPlan is needed"),
        (lambda: fast_lstm.through(("fast", 1, 1, 1, 1)), "a FastPlan is needed"),
        (lambda: fast_lstm.through(FastPlan("loop", 1, 1, 1, 1)), "way 'fast' or 'scan', .* got FastPlan.way='loop'"),
        (lambda: fast_lstm.through(FastPlan("fast", 1, 1.5, 1, 1)), "whole numbers of at least 1, .*every=1.5"),
        (
            lambda: fast_lstm.through(FastPlan("fast", 1, 1, 2, 1, 0, True)),
            r"weights_first True .with one block. or False",
        ),
        (lambda: fast_lstm.through(FastPlan("fast", 1, 1, 1, 1, 0, "no")), "weights_first True .*weights_first='no'"),
        (lambda: fast_lstm.through(FastPlan("fast", 1, 1, 1, 3)), "1 or 2 programs, .*programs=3"),
        (lambda: fast_lstm.through(FastPlan(["fast"], 1, 1, 1, 1)), "way 'fast' or 'scan'"),
        (lambda: fast_lstm.through(FastPlan("fast", 1, 1, 1, 1, -1)), "vectors of 0 bits or more, got .*vectors=-1"),
    ],
)
def test_what_is_no_plan_is_said(call, says):
    with pytest.raises(BadInput, match=says):
        call()


def test_arrays_that_do_not_fit_are_said_by_name():
    p, initial, xs, bar = single(PROBLEMS["padded"])
    for plan in (FastPlan("fast", 1, 2, 1, 1), FastPlan("fast", 1, 2, 1, 2), FastPlan("scan", 1, 5, 1, 1)):
        run = fast_lstm.gradients(plan)
        with pytest.raises(BadInput, match=r"parameter w_h must have shape \(4, 16\)"):
            run(p._replace(w_h=p.w_h.T), initial, xs, bar)
        with pytest.raises(BadInput, match=r"the cotangent of hs must have shape \(5, 2, 4\), got"):
            run(p, initial, xs, bar._replace(hs=bar.hs[:4]))
        with pytest.raises(BadInput, match=r"lengths must lie in 0\.\.5, got 3\.\.7"):
            run(p, initial, xs, bar, [7, 3])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tuning_ends_with_a_plan_that_runs(dtype):
    plan = fast_lstm.tune(3, 2, 2, 3, dtype, seconds=0, cache=False)
    problem = an_ordinary_problem(lstm, Sizes(3, 2, 2, 3))
    read = fast_lstm.placed(plan, *jax.tree.map(lambda v: v.astype(dtype), (*problem.arguments, problem.bar)))
    assert all(isinstance(v, jax.Array) and v.dtype == dtype for v in jax.tree.leaves(read))
    assert fast_lstm.gradients(plan)(*read).xs.dtype == dtype


def test_where_jax_traces_real_gradients_are_measured(monkeypatch):
    """Under `jit`, what is not kept apart is traced, and takes no time."""
    seen = []

    def choose(sizes, dtype, prepare, seconds):
        plan = default_plan(*sizes, dtype)
        seen.extend(jax.tree.leaves(prepare(plan)()))
        return plan, {}

    monkeypatch.setattr(tuning, "choose", choose)

    @jax.jit
    def outputs(p, initial, xs):
        plan = fast_lstm.tune(*xs.shape, 4, cache=False)
        return fast_lstm.bptt(p, initial, xs, plan=plan)

    *arguments, _ = single(PROBLEMS["padded"])
    same = jax.jit(partial(fast_lstm.bptt, plan=default_plan(5, 2, 3, 4)))
    np.testing.assert_array_equal(outputs(*arguments).hs, same(*arguments).hs)
    assert seen
    assert not any(isinstance(v, jax.core.Tracer) for v in seen)


@pytest.mark.parametrize("programs", [1, 2])
def test_a_plan_with_wide_vectors_is_compiled_with_them_and_is_part_of_another_program_without(programs):
    """JAX takes options for a whole program alone. An option that XLA does not know would be refused."""
    plan = FastPlan("fast", 1, 3, 1, programs, 512)
    problem = PROBLEMS["padded"]
    with x64():
        run = fast_lstm.gradients(plan)
        own = run(*problem.arguments, problem.bar, problem.lengths, problem.reverse)
        inner = partial(run, reverse=problem.reverse)
        part = jax.jit(lambda *read: inner(*read))(*problem.arguments, problem.bar, problem.lengths)
        constant = jax.jit(lambda: inner(*problem.arguments, problem.bar, problem.lengths))()
    for given in (own, part, constant):
        assert_within(read(given), *expected("padded"), factor=2)


def test_the_options_of_a_plan_are_xlas():
    plan = default_plan(5, 2, 3, 4)
    assert fast_lstm.compiler_options(plan._replace(vectors=0)) == {}
    options = fast_lstm.compiler_options(plan._replace(vectors=512))
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1.0) == 2.0
