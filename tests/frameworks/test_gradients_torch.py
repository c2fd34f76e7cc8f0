"""Our cells are torch's modules: same outputs, same gradients; stacked, in both directions, projected, packed."""

import jax
import numpy as np
import pytest
from helpers import an_ordinary_problem, by_hand
from same import LENGTHS, SIZES, assert_same

from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.cells.stacked import stacked
from lstm_ref.through_time import bidirectional
from lstm_ref.through_time.bidirectional import Both

torch = pytest.importorskip("torch", reason="torch is not installed")

VERSION = f"torch {torch.__version__}"
T, B, D, H = SIZES


def tensors(tree):
    return jax.tree.map(lambda v: torch.tensor(np.asarray(v)).requires_grad_(), tree)


def gradients_of(outputs, bar, read):
    """torch's gradients of Σ bar · outputs, with respect to what was read."""
    pairs = zip(jax.tree.leaves(outputs), jax.tree.leaves(bar), strict=True)
    loss = sum((out * torch.tensor(np.asarray(b))).sum() for out, b in pairs)
    return torch.autograd.grad(loss, jax.tree.leaves(read))


def called(module, weights, *arguments):
    """The module with these tensors, in its own layout, in the place of its parameters."""
    return torch.func.functional_call(module.double(), weights, arguments)


def layout(p, suffix):
    """torch's kernels are transposed and its biases two; where ours is one, its second is zero."""
    w_h = p.w_h.T
    b_h = p.b_h if hasattr(p, "b_h") else torch.zeros_like(p.b)
    return {
        f"weight_ih_{suffix}": p.w_x.T,
        f"weight_hh_{suffix}": w_h,
        f"bias_ih_{suffix}": p.b,
        f"bias_hh_{suffix}": b_h,
    }


def detached(tree):
    return jax.tree.map(lambda v: v.detach().numpy(), tree)


MODULES = {
    "rnn_tanh": lambda: torch.nn.RNN(D, H),
    "rnn_relu": lambda: torch.nn.RNN(D, H, nonlinearity="relu"),
    "lstm": lambda: torch.nn.LSTM(D, H),
    "gru": lambda: torch.nn.GRU(D, H),
}


def hidden(states):
    """The initial states as torch wants them: (1, B, H) each, a tuple where there are two."""
    stacked = [s[None] for s in states]
    return tuple(stacked) if len(stacked) > 1 else stacked[0]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "packed"])
@pytest.mark.parametrize("name", MODULES)
def test_one_layer(name, lengths):
    problem = an_ordinary_problem(CELLS[name], SIZES, lengths=lengths)
    expected, gradients = by_hand(problem)
    p, initial, xs = read = tensors(problem.arguments)
    given = xs if lengths is None else torch.nn.utils.rnn.pack_padded_sequence(xs, lengths)
    hs, last = called(MODULES[name](), layout(p, "l0"), given, hidden(initial))
    if lengths is not None:
        hs, _ = torch.nn.utils.rnn.pad_packed_sequence(hs, total_length=T)
    last = last if isinstance(last, tuple) else (last,)
    outputs = sequence.Outputs(hs, type(initial)(*(s[0] for s in last)))
    assert_same(expected, detached(outputs), VERSION)
    assert_same(gradients[:3], detached(gradients_of(outputs, problem.bar, read)), VERSION)


def test_projected_lstm():
    problem = an_ordinary_problem(CELLS["lstmp"], SIZES)
    expected, gradients = by_hand(problem)
    p, initial, xs = read = tensors(problem.arguments)
    weights = layout(p.cell, "l0") | {"weight_hr_l0": p.w_p.T}
    hs, last = called(torch.nn.LSTM(D, H, proj_size=3), weights, xs, hidden(initial))
    outputs = sequence.Outputs(hs, type(initial)(*(s[0] for s in last)))
    assert_same(expected, detached(outputs), VERSION)
    assert_same(gradients[:3], detached(gradients_of(outputs, problem.bar, read)), VERSION)


def test_stacked_gru():
    problem = an_ordinary_problem(stacked(CELLS["gru"], CELLS["gru"], "stacked_gru"), SIZES)
    expected, gradients = by_hand(problem)
    p, initial, xs = read = tensors(problem.arguments)
    weights = layout(p.below, "l0") | layout(p.above, "l1")
    hs, last = called(torch.nn.GRU(D, H, num_layers=2), weights, xs, torch.stack((initial.below.h, initial.h)))
    outputs = sequence.Outputs(hs, type(initial)(last[1], type(initial.below)(last[0])))
    assert_same(expected, detached(outputs), VERSION)
    assert_same(gradients[:3], detached(gradients_of(outputs, problem.bar, read)), VERSION)


def test_stacked_lstm():
    problem = an_ordinary_problem(CELLS["stacked_lstm"], SIZES)
    expected, gradients = by_hand(problem)
    p, initial, xs = read = tensors(problem.arguments)
    weights = layout(p.below, "l0") | layout(p.above, "l1")
    start = torch.stack((initial.below.h, initial.h)), torch.stack((initial.below.c, initial.c))
    hs, (h, c) = called(torch.nn.LSTM(D, H, num_layers=2), weights, xs, start)
    outputs = sequence.Outputs(hs, type(initial)(h[1], c[1], type(initial.below)(h[0], c[0])))
    assert_same(expected, detached(outputs), VERSION)
    assert_same(gradients[:3], detached(gradients_of(outputs, problem.bar, read)), VERSION)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "packed"])
def test_two_bidirectional_layers(lengths):
    """The layer above reads both directions of the one below."""
    cells = Both(CELLS["lstm"], CELLS["lstm"])
    made = [an_ordinary_problem(CELLS["lstm"], (T, B, size, H), seed=n) for n, size in enumerate((D, D, 2 * H, 2 * H))]
    params = [Both(made[n].params, made[n + 1].params) for n in (0, 2)]
    initial = [Both(made[n].initial, made[n + 1].initial) for n in (0, 2)]
    xs, real = made[0].xs, None if lengths is None else np.array(lengths)

    below, below_tape = bidirectional.forward(cells, params[0], initial[0], xs, real)
    above, above_tape = bidirectional.forward(cells, params[1], initial[1], below.hs, real)
    rng = np.random.default_rng(0)
    hs_bar, *final_bar = jax.tree.map(lambda v: rng.standard_normal(v.shape), [above.hs, below.final, above.final])
    upper = bidirectional.backward(
        cells, params[1], initial[1], below.hs, above_tape, sequence.Outputs(hs_bar, final_bar[1]), real
    )
    lower = bidirectional.backward(
        cells, params[0], initial[0], xs, below_tape, sequence.Outputs(upper.xs, final_bar[0]), real
    )

    p, state, x = read = tensors((params, initial, xs))
    weights = {}
    for n in range(2):
        weights |= layout(p[n].onward, f"l{n}") | layout(p[n].back, f"l{n}_reverse")
    each = [one for both in state for one in both]
    start = tuple(torch.stack([getattr(one, k) for one in each]) for k in "hc")
    given = x if lengths is None else torch.nn.utils.rnn.pack_padded_sequence(x, lengths)
    hs, (h, c) = called(torch.nn.LSTM(D, H, num_layers=2, bidirectional=True), weights, given, start)
    if lengths is not None:
        hs, _ = torch.nn.utils.rnn.pad_packed_sequence(hs, total_length=T)
    kind = type(each[0])
    final = [Both(*(kind(h[n + k], c[n + k]) for k in range(2))) for n in (0, 2)]
    assert_same((above.hs, [below.final, above.final]), detached((hs, final)), VERSION)
    ours = [lower.params, upper.params], [lower.initial, upper.initial], lower.xs
    assert_same(ours, detached(gradients_of((hs, final), (hs_bar, final_bar), read)), VERSION)


def test_a_mistake_would_be_seen():
    problem = an_ordinary_problem(CELLS["lstm"], SIZES)
    expected, _ = by_hand(problem)
    p, initial, xs = tensors(problem.arguments)
    swapped = p._replace(b=torch.roll(p.b, H))
    hs, _ = called(MODULES["lstm"](), layout(swapped, "l0"), xs, hidden(initial))
    with x64(), pytest.raises(AssertionError, match="torch"):
        assert_same(expected.hs, detached(hs), VERSION)
