"""Our cells are Equinox's: same outputs, same gradients."""

import jax
import pytest
from same import assert_jax_framework, joined, parts, unrolled

from lstm_ref import sequence
from lstm_ref.cells import CELLS

equinox = pytest.importorskip("equinox", reason="equinox is not installed")

VERSION = f"equinox {equinox.__version__}"
D, H = 3, 4


def with_arrays(module, **arrays):
    return equinox.tree_at(lambda m: [getattr(m, k) for k in arrays], module, list(arrays.values()))


def test_lstm_cell():
    module = equinox.nn.LSTMCell(D, H, key=jax.random.key(0))

    def theirs(p, initial, xs):
        cell = with_arrays(module, weight_ih=p.w_x.T, weight_hh=p.w_h.T, bias=p.b)
        states = unrolled(lambda state, x: jax.vmap(cell)(x, state), tuple(initial), xs)
        return sequence.Outputs(jax.numpy.stack([h for h, _ in states]), type(initial)(*states[-1]))

    assert_jax_framework(CELLS["lstm"], theirs, VERSION)


def test_gru_cell():
    """Equinox has a second bias at the candidate alone; reset, update, candidate in our order."""
    module = equinox.nn.GRUCell(D, H, key=jax.random.key(0))

    def theirs(p, initial, xs):
        b_r, b_z, b_n = parts(p.b_h, 3)
        bias = p.b + joined(b_r, b_z, 0 * b_n)
        cell = with_arrays(module, weight_ih=p.w_x.T, weight_hh=p.w_h.T, bias=bias, bias_n=b_n)
        hs = unrolled(lambda h, x: jax.vmap(cell)(x, h), initial.h, xs)
        return sequence.Outputs(jax.numpy.stack(hs), type(initial)(hs[-1]))

    assert_jax_framework(CELLS["gru"], theirs, VERSION)
