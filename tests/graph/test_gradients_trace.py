"""Tracing beyond the idioms: other people's systems, state, places, restoring the user's objects, and JAX code."""

from __future__ import annotations

import builtins
import math
import sys
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.checking.complex_parts import on_parts
from lstm_ref.checking.function.rerun import without_custom_rules
from lstm_ref.errors import CannotEvaluate, LeavesTheGraph
from lstm_ref.graph import creation, sweep, trace
from lstm_ref.graph.flatten import place_of
from lstm_ref.graph.world import MANY, reached
from lstm_ref.oracles.reverse import pullback
from tests.graph.idioms import function_of
from tests.helpers import an_ordinary_problem, traced


def close(a, b, tolerance=1e-13):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.max(np.abs(x - y), initial=0) <= tolerance * (1 + np.max(np.abs(y), initial=0)) for x, y in pairs)


MIN_CHAR_RNN = """
import numpy as np
def loss_of(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    g = {k: np.zeros_like(v) for k, v in dict(Wxh=Wxh, Whh=Whh, Why=Why, bh=bh, by=by).items()}
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        g["Why"] += np.dot(dy, hs[t].T)
        g["by"] += dy
        draw = (1 - hs[t] * hs[t]) * (np.dot(Why.T, dy) + dhnext)
        g["bh"] += draw
        g["Wxh"] += np.dot(draw, xs[t].T)
        g["Whh"] += np.dot(draw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, draw)
    return loss, {**g, "hprev": dhnext}
"""


def stranger(code: str) -> dict:
    names = {"__name__": "a_stranger"}
    exec(compile(code, "a_stranger.py", "exec"), names)
    return names


def test_the_sweep_of_min_char_rnn_equals_the_gradients_in_it():
    rng = np.random.default_rng(0)
    H, V, T = 100, 65, 25
    shapes = dict(Wxh=(H, V), Whh=(H, H), Why=(V, H), bh=(H, 1), by=(V, 1), hprev=(H, 1))
    p = {k: 0.1 * rng.standard_normal(s) for k, s in shapes.items()}
    xs, ys = rng.integers(V, size=T), rng.integers(V, size=T)
    loss_of = stranger(MIN_CHAR_RNN)["loss_of"]
    graph = trace(lambda p: loss_of(xs, ys, **p)[0], p)
    assert close(sweep(graph, 1.0).gradients, loss_of(xs, ys, **p)[1])


@pytest.mark.parametrize("name", sorted(CELLS))
def test_a_cells_loop_on_numpy_has_the_sweep_that_jax_has(name):
    cell = CELLS[name]
    problem = an_ordinary_problem(cell)
    inputs = (problem.params, problem.initial, problem.xs)

    def hs(inputs):
        return sequence.loop(cell, *inputs)[0].hs

    graph = trace(hs, inputs)
    bar = np.random.default_rng(1).standard_normal(np.shape(graph.result))
    assert close(sweep(graph, bar).gradients, traced(lambda i: pullback(hs, i, bar), inputs))


# ---------------------------------------------------------------------------------------------------- places


def test_an_equation_has_the_users_file_line_and_column():
    names = stranger("import numpy as np\ndef f(x):\n    y = 2 * x\n    return np.sum(np.tanh(y) * x)\n")
    graph = trace(names["f"], np.array([0.3, 0.7]))
    (tanh,) = [e for e in graph.equations if e.primitive == "tanh"]
    assert tanh.place[:3] == ("a_stranger.py", 4, 18)
    assert tanh.place.function == "f"


def test_what_jaxs_own_functions_do_is_on_the_line_that_calls_them():
    def f(x):
        return jax.nn.softmax(x)[0]

    graph = trace(f, np.array([0.3, 0.7]))
    assert {e.place.file for e in graph.equations} == {__file__}


def test_what_jaxs_own_functions_do_in_loops_and_branches_is_on_the_line_around_them():
    def stepped(h, x):
        h = jax.nn.softplus(h + x)
        h = jax.lax.cond(True, jnp.tanh, jnp.sin, h)
        return h, jnp.exp(h)

    def function(i):
        h, ys = jax.lax.scan(stepped, i["h"], i["x"])
        h = jax.lax.fori_loop(0, 2, lambda _, h: jax.nn.relu(h), h)
        return jax.lax.map(jnp.cosh, ys) * h

    graph = trace(function, {"h": np.ones(2), "x": np.ones((3, 2))})
    first = function.__code__.co_firstlineno - stepped.__code__.co_firstlineno
    assert {e.place.file for e in graph.equations} == {__file__}
    at = {e.primitive: e.place.line - stepped.__code__.co_firstlineno for e in graph.equations}
    assert (at["log1p"], at["tanh"], at["unstack"]) == (1, 2, first + 3)
    assert at["max"] == first + 2


def test_what_is_run_again_without_its_rules_keeps_its_lines():
    def function(i):
        h = jax.lax.scan(lambda h, x: (jnp.sin(h) * x, h), i["h"], i["x"])[0]
        return jax.lax.cond(i["h"][0] > 0, jnp.tanh, jnp.cos, h)

    graph = trace(without_custom_rules(function), {"h": np.ones(2), "x": np.ones((3, 2))})
    at = {e.primitive: e.place.line - function.__code__.co_firstlineno for e in graph.equations}
    assert {e.place.file for e in graph.equations} == {__file__}
    assert (at["unstack"], at["sin"], at["tanh"]) == (1, 1, 2)


def test_no_line_of_the_check_is_the_users():
    inputs, function, _ = on_parts({"z": np.ones(2) + 1j}, lambda i: i["z"] * 2, lambda i, bar: bar, 1)
    equations = jax.make_jaxpr(function)(inputs).eqns
    assert "complex" in {e.primitive.name for e in equations}
    assert {place_of(e.source_info).file for e in equations} <= {__file__, ""}


def test_casts_are_noted_with_their_line():
    names = stranger("import numpy as np\ndef f(x):\n    return np.sum(x.astype(np.float32) ** 2)\n")
    assert trace(names["f"], np.ones(2)).casts == ("float32 at a_stranger.py:3 (f)",)


# ------------------------------------------------------------------------------------------------ put back


NAMES = "import math\nimport numpy as np\nfrom numpy import zeros\nbuf = np.ones(2)\nkept = []\n"


def _is_as_it_was(names, before):
    return all(names[k] is v for k, v in before.items()) and "float" not in names and set(names) == set(before)


@pytest.mark.parametrize(
    "body", ["return np.sum(x)", "raise KeyError(3)", "raise SystemExit", "return float('%g' % x[0])"]
)
def test_everything_is_put_back_whatever_happens(body):
    names = stranger(
        f"{NAMES}def f(x):\n    global more\n    more = x\n    kept.append(x)\n    buf[0] = 7\n    {body}\n"
    )
    before = dict(names)
    by_numpy, by_math = dict(vars(np)), dict(vars(math))
    try:
        trace(names["f"], np.ones(2))
    except CannotEvaluate:
        assert body != "return np.sum(x)"
    assert _is_as_it_was(names, before)
    assert names["kept"] == []
    assert list(names["buf"]) == [1, 1]
    assert {k: v for k, v in vars(np).items() if k in by_numpy} == by_numpy
    assert dict(vars(math)) == by_math
    assert builtins.float is float


def test_a_trace_within_a_trace_is_one_of_its_own():
    names = stranger(NAMES + "def f(x):\n    h = zeros(2)\n    h[:] = np.tanh(x)\n    return np.sum(h)\n")

    def outer(x):
        inner = sweep(trace(names["f"], np.array([0.1, 0.2])), 1.0).gradients
        assert type(inner) is np.ndarray
        assert close(inner, 1 - np.tanh([0.1, 0.2]) ** 2)
        h = np.zeros(2)
        h[:] = x * x
        return np.sum(h)

    graph = trace(outer, np.array([1.0, 2.0]))
    assert close(sweep(graph, 1.0).gradients, np.array([2.0, 4.0]))


def test_a_module_that_is_first_imported_during_a_trace_stays_in_its_package(tmp_path, monkeypatch):
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package/__init__.py").write_text(
        "def f(x):\n    import a_package.deep\n    return a_package.deep.k * x\n"
    )
    (tmp_path / "a_package/deep.py").write_text("k = 3.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = stranger("import a_package\ndef f(x): return a_package.f(x)\n")
    try:
        assert [float(trace(names["f"], np.float64(x)).result) for x in (0.5, 2.0)] == [1.5, 6.0]
    finally:
        for name in ("a_package", "a_package.deep"):
            sys.modules.pop(name, None)


def test_modules_of_libraries_and_ours_are_no_state_of_the_codes():
    names = stranger("import json, lstm_ref, numpy as np\ndef f(x): return np.sum(x)\n")
    assert [n["__name__"] for n in reached(names["f"])[1]] == ["a_stranger"]


def test_a_module_that_holds_much_hides_no_other_state():
    big = ModuleType("big")
    vars(big).update(__file__="/a/strangers/big.py", **{f"v{k}": [k] for k in range(MANY)})
    names = stranger("kept = [[[[[0.0]]]]]\ndef f(x): return x\n")
    names["big"] = big
    containers, modules = reached(names["f"])
    assert [n["__name__"] for n in modules] == ["a_stranger", "big"]
    assert any(c is names["kept"][0][0][0][0] for c in containers)


def test_a_traced_array_that_outlives_its_trace_is_refused():
    def f(x):
        if type(x) is not np.ndarray:
            sys.modules["lstm_ref.graph.creation"].left_behind = x
        return np.sum(x)

    trace(f, np.ones(2))
    left = creation.left_behind
    del creation.left_behind
    with pytest.raises(LeavesTheGraph, match="outlived"):
        left + left


def test_inputs_keep_their_values_and_their_order_in_memory():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    graph = trace(lambda x: np.sum(x.reshape(-1)[:3] * x.T.ravel()[:3]), x)
    assert close(graph.result, np.sum(x.reshape(-1)[:3] * x.T.ravel()[:3]))
    trace(lambda x: x.__imul__(2).sum(), x)
    assert list(x[0]) == [0, 1, 2]


def test_the_comparison_sees_what_the_trace_does_not():
    """What hides a number from the trace, and gives it back plain, changes near the inputs."""
    hidden = {}

    def f(x):
        hidden["x"] = x
        return np.sum(x) + 1e-9 * sys.modules["numpy"].asarray(getattr(hidden["x"], "value", hidden["x"]))[0]

    with pytest.raises(CannotEvaluate, match="differ"):
        trace(f, np.array([0.5, 1.5]))


# ------------------------------------------------------------------------------------------------------ JAX code


def jax_programs():
    def scan(p):
        def step(h, x):
            h = jnp.tanh(p["W"] @ h + x)
            return h, h * x

        h, ys = jax.lax.scan(step, p["x"], p["A"])
        return h.sum() + (ys**2).sum()

    def scan_reversed(p):
        return jax.lax.scan(lambda h, x: (jnp.sin(h + x), h), p["x"], p["A"], reverse=True)[1].sum()

    def while_loop(p):
        return jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.sin(c[1])), (0, p["x"]))[1].sum()

    def cond(p):
        return jax.lax.cond(p["x"][0] > 0, lambda x: (x**2).sum(), lambda x: (x**3).sum(), p["x"])

    def remat(p):
        return jax.checkpoint(lambda x: jnp.sum(jnp.tanh(p["W"] @ jnp.sin(x))))(p["x"])

    def nn(p):
        z = jax.nn.log_softmax(jax.nn.gelu(p["A"] @ p["W"]), axis=1)
        return jax.nn.logsumexp(z[:, 1:]) + jnp.sum(jax.nn.relu(z) * jax.nn.softplus(p["A"]))

    def indexing(p):
        y = p["A"].at[1].set(p["x"]).at[:, 2].add(2.0).at[0, 1].multiply(3.0)
        return (y[jnp.array([0, 2, 2])] ** 2).sum() + jnp.sort(p["x"])[1] + jnp.cumsum(p["x"])[2] ** 2

    def linear_algebra(p):
        return jnp.linalg.solve(p["W"] + 5 * jnp.eye(4), p["x"]).sum() + jnp.linalg.norm(p["A"])

    def vmapped(p):
        return jax.vmap(lambda a: jnp.tanh(p["W"] @ a) * p["x"])(p["A"]).sum()

    return {k: v for k, v in locals().items() if callable(v)}


@pytest.mark.parametrize("name", sorted(jax_programs()))
def test_jax_code_has_the_gradient_that_jax_gives(name):
    f = jax_programs()[name]
    rng = np.random.default_rng(2)
    p = {"W": rng.standard_normal((4, 4)), "A": rng.standard_normal((3, 4)), "x": rng.standard_normal(4) + 2}
    graph = trace(f, p)
    with x64():
        expected = jax.tree.map(np.asarray, jax.jit(jax.jacfwd(f))(p))
    assert close(sweep(graph, 1.0).gradients, expected)
    assert all(e.primitive not in ("scan", "while", "cond", "jit", "pjit") for e in graph.equations)


def test_what_is_differentiated_is_what_is_computed():
    graph = trace(lambda x: (x * jax.lax.stop_gradient(x)).sum(), np.array([3.0]))
    assert close(sweep(graph, 1.0).gradients, np.array([6.0]))


def test_complex_numbers_inside_are_refused():
    with pytest.raises(CannotEvaluate, match="complex"):
        trace(lambda x: jnp.abs(jnp.fft.fft(x)).sum(), np.ones(4))


def test_int_inputs_are_constants():
    p = {"x": np.array([1.0, 2.0]), "i": np.array([1, 1, 0]), "n": 3}
    graph = trace(lambda p: np.sum(p["x"][p["i"]]) * p["n"], p)
    assert close(sweep(graph, 1.0).gradients["x"], np.array([3.0, 6.0]))


def test_the_function_of_an_idiom_fails_as_python_does():
    with pytest.raises(CannotEvaluate, match="raises IndexError"):
        trace(function_of("broken", "return x[10]", stranger("import numpy as np")), {k: np.ones(1) for k in "xABcs"})
