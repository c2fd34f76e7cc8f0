"""The reverse sweep: every rule against JAX's, edits, the oracle, random programs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput, UnknownPrimitive
from lstm_ref.graph import rules, sweep, trace
from lstm_ref.graph.rules import RULES
from lstm_ref.oracles.trace import trace_oracle
from tests.graph.test_gradients_trace import close
from tests.helpers import traced

one, two = np.array([0.3, -0.6, 0.9]), np.array([[0.4, -0.7, 1.1], [0.2, 0.8, -0.3]])
PRIMITIVES = {
    "add": lambda x, A: x + A,
    "sub": lambda x, A: A - x,
    "mul": lambda x, A: x * A,
    "div": lambda x, A: A / (x + 2),
    "max": lambda x, A: jnp.maximum(x, A),
    "min": lambda x, A: jnp.minimum(A, x),
    "max of equals": lambda x, A: lax.max(x, x * 1.0) * A,
    "min of equals": lambda x, A: lax.min(x, x * 1.0) * A,
    "pow": lambda x, A: (x + 2) ** A,
    "pow of zero": lambda x, A: lax.pow(A * 0 + 1, A * 0.0) * x,
    "integer_pow": lambda x, A: (
        lax.integer_pow(x, 3) + lax.integer_pow(x, -2) + lax.integer_pow(x, 1) + lax.integer_pow(x, 0)
    ),
    "neg": lambda x, A: -x,
    "abs": lambda x, A: jnp.abs(A),
    "exp": lambda x, A: jnp.exp(x),
    "exp2": lambda x, A: lax.exp2(x),
    "log": lambda x, A: jnp.log(x + 2),
    "log1p": lambda x, A: jnp.log1p(x),
    "expm1": lambda x, A: jnp.expm1(x),
    "tanh": lambda x, A: jnp.tanh(x),
    "logistic": lambda x, A: lax.logistic(x),
    "square": lambda x, A: lax.square(x),
    "sqrt": lambda x, A: jnp.sqrt(x + 1),
    "rsqrt": lambda x, A: lax.rsqrt(x + 1),
    "cbrt": lambda x, A: jnp.cbrt(x + 2),
    "sin": lambda x, A: jnp.sin(x),
    "cos": lambda x, A: jnp.cos(x),
    "tan": lambda x, A: lax.tan(x),
    "sinh": lambda x, A: lax.sinh(x),
    "cosh": lambda x, A: lax.cosh(x),
    "asin": lambda x, A: lax.asin(x),
    "acos": lambda x, A: lax.acos(x),
    "atan": lambda x, A: lax.atan(x),
    "asinh": lambda x, A: lax.asinh(x),
    "acosh": lambda x, A: lax.acosh(x + 2),
    "atanh": lambda x, A: lax.atanh(x),
    "erf": lambda x, A: lax.erf(x),
    "erfc": lambda x, A: lax.erfc(x),
    "sign": lambda x, A: jnp.sign(x) * x,
    "floor": lambda x, A: jnp.floor(x) * x,
    "ceil": lambda x, A: jnp.ceil(x) * x,
    "round": lambda x, A: jnp.round(x) * x,
    "is_finite": lambda x, A: jnp.isfinite(x) * x,
    "clamp": lambda x, A: lax.clamp(-0.5, x, 0.5) * x,
    "clamp of arrays": lambda x, A: lax.clamp(x * 0, x, x * 0 + 0.5),
    "dot_general": lambda x, A: A @ x,
    "dot of vectors": lambda x, A: x @ x,
    "dot of matrices": lambda x, A: A.T @ A,
    "dot with a batch": lambda x, A: jnp.einsum("bi,bj->bij", A, A + 1),
    "dot in other order": lambda x, A: jnp.einsum("ij,kj->ki", A, A),
    "dot over two axes": lambda x, A: jnp.tensordot(A, A, 2),
    "convert_element_type": lambda x, A: (x > 0).astype(x.dtype) * x,
    "reshape": lambda x, A: A.reshape(3, 2)[1],
    "squeeze": lambda x, A: x[1],
    "expand_dims": lambda x, A: x[:, None] * x,
    "transpose": lambda x, A: A.T * x[:, None],
    "broadcast_in_dim": lambda x, A: jnp.broadcast_to(x, (2, 3)) * A,
    "broadcast of one": lambda x, A: lax.broadcast_in_dim(A[:, :1], (2, 4, 3), (0, 2)) * x,
    "reduce_sum": lambda x, A: A.sum(0) * x,
    "reduce_max": lambda x, A: A.max(1),
    "reduce_max of equals": lambda x, A: (A * 0 + x[0]).max(1) * A[:, 0],
    "reduce_min": lambda x, A: A.min(0),
    "reduce_prod": lambda x, A: A.prod(1),
    "argmax": lambda x, A: x[jnp.argmax(x)],
    "concatenate": lambda x, A: jnp.concatenate([A, x[None], A * 2], 0),
    "split": lambda x, A: jnp.split(A, 3, 1)[1],
    "slice": lambda x, A: A[:, 1:] * 2,
    "slice with a step": lambda x, A: lax.slice(A, (0, 0), (2, 3), (1, 2)),
    "dynamic_slice": lambda x, A: lax.dynamic_slice(A, (1, 1), (1, 2)),
    "dynamic_slice moved inside": lambda x, A: lax.dynamic_slice(A, (5, 5), (1, 2)),
    "dynamic_update_slice": lambda x, A: lax.dynamic_update_slice(A, x[None, :2] * 3, (1, 1)) * A,
    "select_n": lambda x, A: jnp.where(A > 0, A, x) * x,
    "rev": lambda x, A: x[::-1] * x,
    "iota": lambda x, A: jnp.arange(3.0) * x,
    "cumsum": lambda x, A: jnp.cumsum(A, 1) * x,
    "cumsum reversed": lambda x, A: lax.cumsum(x, reverse=True) * x,
    "cumprod": lambda x, A: jnp.cumprod(x),
    "cummax": lambda x, A: lax.cummax(x) * x,
    "sort": lambda x, A: jnp.sort(x) * x,
    "gather": lambda x, A: A[:, jnp.array([0, 2, 2])] * x,
    "gather out of bounds": lambda x, A: x.at[jnp.array([0, 7])].get(mode="fill", fill_value=0) * 2,
    "pad": lambda x, A: jnp.pad(A, 1),
    "pad inside": lambda x, A: lax.pad(x, x[0], [(1, -1, 2)]),
    "tile": lambda x, A: jnp.tile(x, 2) ** 2,
    "scatter": lambda x, A: A.at[:, 1].set(x[:2]) * A,
    "scatter-add": lambda x, A: A.at[jnp.array([0, 0])].add(x) * A,
    "scatter-add out of bounds": lambda x, A: x.at[jnp.array([0, 9])].add(A[:, 0], mode="drop") * x,
    "scatter-mul": lambda x, A: x.at[jnp.array([0, 2])].multiply(A[:, 0], unique_indices=True),
    "atan2": lambda x, A: jnp.arctan2(x, A),
    "logaddexp": lambda x, A: jnp.logaddexp(x, A),
    "lgamma": lambda x, A: lax.lgamma(x + 2),
    "erf_inv": lambda x, A: lax.erf_inv(x),
    "conv": lambda x, A: jnp.convolve(x, A[0]),
    "qr": lambda x, A: jnp.linalg.qr(A @ A.T + jnp.eye(2))[1],
    "reduce_precision": lambda x, A: lax.reduce_precision(x, 11, 52),
    "optimization_barrier": lambda x, A: lax.optimization_barrier((x * 2, A))[0] * x,
    "copy": lambda x, A: jnp.copy(x) * x,
    "rem": lambda x, A: lax.rem(A, x[None] + A * 0),
}


def test_what_jax_cannot_differentiate_is_refused():
    graph = trace(lambda x: x.at[jnp.array([0, 0])].multiply(x[:2]), one)
    with pytest.raises(UnknownPrimitive, match="scatter"):
        sweep(graph, np.ones(3))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_rule_gives_what_jax_gives(name):
    f = PRIMITIVES[name]
    inputs = {"x": one, "A": two}
    graph = trace(lambda p: f(p["x"], p["A"]), inputs)
    bar = np.random.default_rng(0).standard_normal(np.shape(graph.result))
    with x64():
        expected = jax.vjp(lambda p: f(p["x"], p["A"]), jax.tree.map(jnp.asarray, inputs))[1](jnp.asarray(bar))[0]
    assert close(sweep(graph, bar).gradients, jax.tree.map(np.asarray, expected))


def test_every_rule_is_asked():
    asked = set()
    for f in PRIMITIVES.values():
        graph = trace(lambda p, f=f: f(p["x"], p["A"]), {"x": one, "A": two})
        asked |= {e.primitive for e in graph.equations}
    elsewhere = {
        "add_any",
        "copy_p",
        "name",
        "stop_gradient",
        "stack",
        "unstack",
        "device_put",
        "argmin",
        "expand_dims",
        "le",
        "eq",
        "ne",
        "ge",
        "output",
    }
    lacking = set() if hasattr(jax.lax, "tile_p") else {"tile"}  # jax 0.6 repeats arrays by other primitives
    assert set(RULES) - asked - elsewhere == lacking


@pytest.mark.parametrize("name", ["tanh", "mul", "dot_general", "broadcast_in_dim", "gather", "logistic"])
def test_a_wrong_rule_is_seen(name, monkeypatch):
    right = RULES[name]

    def wrong(kind):
        return [None if p is None else (lambda bar, xs, ys, p=p: 1.001 * p(bar, xs, ys)) for p in right(kind)]

    monkeypatch.setitem(rules.RULES, name, wrong)
    with pytest.raises(AssertionError):
        test_a_rule_gives_what_jax_gives(name)


# ------------------------------------------------------------------------------------------------ random programs

UNARY = [
    np.tanh,
    np.exp,
    np.sin,
    np.square,
    np.negative,
    lambda v: 1 / (1 + np.exp(-v)),
    lambda v: v.T,
    lambda v: v[::-1],
]
BINARY = [np.add, np.subtract, np.multiply, np.matmul, np.maximum, lambda a, b: np.where(a > 0, b, a)]


@given(
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=14),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_random_programs_have_the_gradient_that_jax_gives(steps, seed):
    """Written in NumPy, with rows written in place; for JAX the same, with copies."""
    rng = np.random.default_rng(seed)
    inputs = {"A": rng.standard_normal((3, 3)), "B": rng.standard_normal((3, 3))}

    def program(p, xp, write):
        vs = [p["A"], p["B"]]
        functions = {np: lambda f: f, jnp: lambda f: getattr(jnp, f.__name__, f)}[xp]
        for kind, i, j in steps:
            a, b = vs[i % len(vs)], vs[j % len(vs)]
            if kind < 6:
                v = functions(BINARY[kind])(a, b) if kind < 5 else xp.where(a > 0, b, a)
            elif kind == 11:
                v = 1 / (1 + xp.exp(-a))
            else:
                v = functions(UNARY[(kind - 6) % 8])(a) if kind not in (11,) else a
            v = write(xp.tanh(v), j % 3, a[i % 3])
            vs.append(v)
        return xp.sum(vs[-1] * p["A"])

    def in_place(v, k, row):
        v[k] = row
        v[:, k] *= 2
        return v

    def by_copy(v, k, row):
        v = v.at[k].set(row)
        return v.at[:, k].multiply(2)

    graph = trace(lambda p: program(p, np, in_place), inputs)
    expected = traced(jax.grad(lambda p: program(p, jnp, by_copy)), inputs)
    assert close(sweep(graph, 1.0).gradients, expected, 1e-11)


# ----------------------------------------------------------------------------------------------------------- edits


def rnn(p):
    h = p["h"]
    for x in p["xs"]:
        h = np.tanh(p["W"] @ h + x)
    return np.sum(h**2)


def rnn_inputs():
    rng = np.random.default_rng(4)
    return {"W": rng.standard_normal((3, 3)), "h": rng.standard_normal(3), "xs": rng.standard_normal((5, 3))}


def wrong_by_hand(p, derivative):
    hs = [p["h"]]
    for x in p["xs"]:
        hs.append(np.tanh(p["W"] @ hs[-1] + x))
    bar, W, xs = 2 * hs[-1], np.zeros((3, 3)), np.zeros((5, 3))
    for t in reversed(range(5)):
        xs[t] = bar * derivative(t, hs[t + 1])
        W += np.outer(xs[t], hs[t])
        bar = p["W"].T @ xs[t]
    return {"W": W, "h": bar, "xs": xs}


def test_an_edited_sweep_is_the_gradient_of_who_has_that_derivative_wrong():
    p = rnn_inputs()
    graph = trace(rnn, p)
    base = sweep(graph, 1.0)
    assert close(base.gradients, wrong_by_hand(p, lambda t, h: 1 - h * h))
    tanhs = [i for i, e in enumerate(graph.equations) if e.primitive == "tanh"]
    edit = lambda contribution, at: at.bar * (1 - at.results[0])  # noqa: E731  # 1 − h for 1 − h²
    every = sweep(graph, 1.0, {(i, 0): edit for i in tanhs}, base)
    assert close(every.gradients, wrong_by_hand(p, lambda t, h: 1 - h))
    third = sweep(graph, 1.0, {(tanhs[2], 0): edit}, base)
    assert close(third.gradients, wrong_by_hand(p, lambda t, h: 1 - h if t == 2 else 1 - h * h))
    dropped = sweep(graph, 1.0, {(tanhs[2], 0): lambda c, at: None})
    assert close(dropped.gradients, wrong_by_hand(p, lambda t, h: 0 if t == 2 else 1 - h * h))


def test_an_edit_moves_only_what_is_behind_it():
    graph = trace(rnn, rnn_inputs())
    base = sweep(graph, 1.0)
    tanhs = [i for i, e in enumerate(graph.equations) if e.primitive == "tanh"]
    edited = sweep(graph, 1.0, {(tanhs[0], 0): lambda c, at: 2 * c}, base)
    after = graph.equations[tanhs[1]].results[0]
    assert edited.bars[after] is base.bars[after]


def test_an_edit_of_another_shape_and_a_cotangent_of_another_shape_are_bad_input():
    graph = trace(rnn, rnn_inputs())
    tanh = next(i for i, e in enumerate(graph.equations) if e.primitive == "tanh")
    with pytest.raises(BadInput, match="an edit gave shape"):
        sweep(graph, 1.0, {(tanh, 0): lambda c, at: c[:2]})
    with pytest.raises(BadInput, match="cotangent"):
        sweep(graph, np.ones(3))


def test_an_adjoint_of_every_intermediate_value_is_there():
    p = rnn_inputs()
    graph = trace(rnn, p)
    bars = sweep(graph, 1.0).bars
    (last,) = [e for e in graph.equations if e.primitive == "tanh"][-1:]
    assert close(bars[last.results[0]], 2 * graph.values[last.results[0]])


# ---------------------------------------------------------------------------------------------------------- oracle


def test_the_oracle_states_an_error_that_holds_and_is_small():
    p = rnn_inputs()
    found = trace_oracle(rnn, p, 1.0)
    truth = wrong_by_hand({k: v.astype(np.longdouble) for k, v in p.items()}, lambda t, h: 1 - h * h)
    for k in p:
        assert np.all(np.abs(found.gradients[k] - truth[k]) <= found.error[k])
        assert np.max(found.error[k]) <= 1e-13 * (1 + np.max(np.abs(truth[k])))
    assert not found.at_kink


@pytest.mark.parametrize("f", [lambda x: np.maximum(x, 0).sum(), lambda x: np.abs(x).sum(), lambda x: np.max(x * 0)])
def test_the_oracle_says_where_a_tie_decides(f):
    assert trace_oracle(f, np.array([0.0, 1.0]), 1.0).at_kink
