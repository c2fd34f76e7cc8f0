"""The cells against the implementations that people use: same outputs, same gradients, to the arithmetic's limit."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_ref import sequence
from lstm_ref.cells import CELLS

torch = pytest.importorskip("torch", reason="torch is not installed")

T, B, D, H = 6, 2, 3, 4
MODULES = {
    "rnn_tanh": lambda: torch.nn.RNN(D, H),
    "rnn_relu": lambda: torch.nn.RNN(D, H, nonlinearity="relu"),
    "lstm": lambda: torch.nn.LSTM(D, H),
    "gru": lambda: torch.nn.GRU(D, H),
}


def ours(cell, weights):
    """Our parameters from torch's (w_ih, w_hh, b_ih, b_hh), whose gates stand in the same order."""
    w_ih, w_hh, b_ih, b_hh = weights
    shapes = cell.parameter_shapes(D, H)
    biases = (b_ih, b_hh) if "b_h" in shapes._fields else (b_ih + b_hh,)
    return type(shapes)(w_ih.T, w_hh.T, *biases)


@pytest.mark.parametrize("name", MODULES)
def test_outputs_and_gradients_are_torchs(name):
    torch.manual_seed(0)
    cell, module = CELLS[name], MODULES[name]().double()
    rng = np.random.default_rng(0)
    states = [rng.standard_normal((B, H)) for _ in cell.state_shapes(B, H)]
    xs, hs_bar = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
    final_bar = [rng.standard_normal((B, H)) for _ in states]

    tensor = lambda v: torch.tensor(v).requires_grad_()  # noqa: E731
    x, given = tensor(xs), [tensor(s[None]) for s in states]
    out, last = module(x, tuple(given) if len(given) > 1 else given[0])
    last = list(last) if len(given) > 1 else [last]
    loss = (out * torch.tensor(hs_bar)).sum() + sum(
        (s[0] * torch.tensor(b)).sum() for s, b in zip(last, final_bar, strict=True)
    )
    loss.backward()
    weights = [v.detach().numpy() for v in module.parameters()]
    bars = [v.grad.numpy() for v in module.parameters()]

    state = type(cell.state_shapes(1, 1))
    params, initial = ours(cell, weights), state(*states)
    outputs, tapes = sequence.loop(cell, params, initial, xs)
    found = sequence.loop_backward(cell, params, initial, xs, tapes, sequence.Outputs(hs_bar, state(*final_bar)))
    expected = ours(cell, bars if "b_h" in params._fields else [*bars[:3], 0 * bars[3]])
    pairs = [(outputs.hs, out.detach().numpy()), (found.xs, x.grad.numpy())]
    pairs += list(zip(found.params, expected, strict=True))
    pairs += [(mine, s.grad.numpy()[0]) for mine, s in zip(found.initial, given, strict=True)]
    for mine, theirs in pairs:
        # A few hundred operations, each right to one unit in the last place of the largest number there is.
        assert np.max(np.abs(mine - theirs)) <= 500 * 2.0**-53 * max(np.max(np.abs(theirs)), 1.0), torch.__version__
