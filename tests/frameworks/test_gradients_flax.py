"""Our cells are Flax's: same outputs, same gradients."""

import jax
import pytest
from same import assert_jax_framework, parts, unrolled

from lstm_ref import sequence
from lstm_ref.cells import CELLS

flax = pytest.importorskip("flax", reason="flax is not installed")
from flax import linen, nnx  # noqa: E402

VERSION = f"flax {flax.__version__}"
H = 4


def dense(kernel, bias=None):
    return {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}


def lstm_variables(p):
    """Flax has the bias at the recurrent kernel, and a module a gate."""
    of_x, of_h, of_b = parts(p.w_x, 4), parts(p.w_h, 4), parts(p.b, 4)
    return {
        "params": {f"i{k}": dense(w) for k, w in zip("ifgo", of_x, strict=True)}
        | {f"h{k}": dense(w, b) for k, w, b in zip("ifgo", of_h, of_b, strict=True)}
    }


@pytest.mark.parametrize("name", ["LSTMCell", "OptimizedLSTMCell"])
def test_linen_lstm_cells(name):
    cell, module = CELLS["lstm"], getattr(linen, name)(H)

    def theirs(p, initial, xs):
        step = lambda carry, x: module.apply(lstm_variables(p), carry, x)[0]  # noqa: E731
        states = unrolled(step, (initial.c, initial.h), xs)
        c, h = states[-1]
        return sequence.Outputs(jax.numpy.stack([h for _, h in states]), type(initial)(h, c))

    assert_jax_framework(cell, theirs, VERSION)


def test_nnx_lstm_cell():
    cell = CELLS["lstm"]

    def theirs(p, initial, xs):
        module = nnx.LSTMCell(3, H, rngs=nnx.Rngs(0))
        for k, w in zip(("ii", "if_", "ig", "io"), parts(p.w_x, 4), strict=True):
            getattr(module, k).kernel = nnx.Param(w)
        for k, w, b in zip(("hi", "hf", "hg", "ho"), parts(p.w_h, 4), parts(p.b, 4), strict=True):
            getattr(module, k).kernel, getattr(module, k).bias = nnx.Param(w), nnx.Param(b)
        states = unrolled(lambda carry, x: module(carry, x)[0], (initial.c, initial.h), xs)
        c, h = states[-1]
        return sequence.Outputs(jax.numpy.stack([h for _, h in states]), type(initial)(h, c))

    assert_jax_framework(cell, theirs, VERSION)


def test_linen_gru_cell():
    """Flax has one bias for r and z, and two for the candidate."""
    cell, module = CELLS["gru"], linen.GRUCell(H)

    def theirs(p, initial, xs):
        of_x, of_h, b, b_h = parts(p.w_x, 3), parts(p.w_h, 3), parts(p.b, 3), parts(p.b_h, 3)
        variables = {
            "ir": dense(of_x[0], b[0] + b_h[0]),
            "iz": dense(of_x[1], b[1] + b_h[1]),
            "in": dense(of_x[2], b[2]),
            "hr": dense(of_h[0]),
            "hz": dense(of_h[1]),
            "hn": dense(of_h[2], b_h[2]),
        }
        hs = unrolled(lambda h, x: module.apply({"params": variables}, h, x)[0], initial.h, xs)
        return sequence.Outputs(jax.numpy.stack(hs), type(initial)(hs[-1]))

    assert_jax_framework(cell, theirs, VERSION)


def test_linen_simple_cell():
    cell, module = CELLS["rnn_tanh"], linen.SimpleCell(H)

    def theirs(p, initial, xs):
        variables = {"i": dense(p.w_x, p.b), "h": dense(p.w_h)}
        hs = unrolled(lambda h, x: module.apply({"params": variables}, h, x)[0], initial.h, xs)
        return sequence.Outputs(jax.numpy.stack(hs), type(initial)(hs[-1]))

    assert_jax_framework(cell, theirs, VERSION)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_linen_convolutional_lstm_cell(dimensions):
    """Flax adds 1 to the forget gate at run time, and has its gates in the order i, g, f, o."""
    cell, module = CELLS[f"conv_lstm_{dimensions}d"], linen.ConvLSTMCell(H, (3,) * dimensions)
    reordered = lambda v: jax.numpy.concatenate([parts(v, 4)[k] for k in (0, 2, 1, 3)], axis=-1)  # noqa: E731

    def theirs(p, initial, xs):
        b = p.b.at[H : 2 * H].add(-1)
        variables = {"ih": dense(reordered(p.w_x), reordered(b)), "hh": dense(reordered(p.w_h), 0 * b)}
        states = unrolled(lambda carry, x: module.apply({"params": variables}, carry, x)[0], (initial.c, initial.h), xs)
        c, h = states[-1]
        return sequence.Outputs(jax.numpy.stack([h for _, h in states]), type(initial)(h, c))

    assert_jax_framework(cell, theirs, VERSION)
