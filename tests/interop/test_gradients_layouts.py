"""Layouts: round trips keep every bit where promised, and gradients transform by the transpose."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from lstm_ref.arithmetic.uncompiled import uncompiled
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays, named
from lstm_ref.errors import BadInput
from lstm_ref.interop import layout as module
from lstm_ref.interop.layout import (
    LayoutPart,
    all_ours,
    all_theirs,
    lost,
    ours,
    shared,
    their_gradients,
    theirs,
    without_place,
)
from lstm_ref.interop.layout_words import from_words, in_words
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.leaves import paths
from lstm_ref.mistakes.arrangement import arrange
from lstm_ref.mistakes.recurrence import ClaimedAdjoints
from lstm_ref.through_time.bidirectional import Both

D, H = 3, 4
each_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)


def drawn(layout, seed=0):
    """Parameters whose elements are multiples of 1/8: adding 1 and summing two is exact."""
    rng = np.random.default_rng(seed)
    return arrays(CELLS[layout.cell].parameter_shapes(D, H), lambda shape: rng.integers(-40, 40, shape) / 8)


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@each_layout
def test_parameters_come_back_but_for_what_is_said_to_be_lost(layout):
    params = drawn(layout)
    back = ours(layout, theirs(layout, params))
    becomes_one = [said for said in lost(layout) if "become one" in said]
    assert same(back, params) == (not becomes_one)
    if becomes_one:  # what acts is kept: b + b_h of those gates, and all else that has a place
        acts = slice(0, 2 * H if any("no place" in said for said in lost(layout)) else None)
        assert same((back.b + back.b_h)[acts], (params.b + params.b_h)[acts])
        assert same(back._replace(b=0, b_h=0), params._replace(b=0, b_h=0))


@each_layout
def test_any_bits_come_back_where_nothing_is_lost(layout):
    rng = np.random.default_rng(1)
    params = arrays(CELLS[layout.cell].parameter_shapes(D, H), lambda shape: rng.standard_normal(shape))
    assert same(ours(layout, theirs(layout, params)), params) == (not lost(layout))


@each_layout
def test_their_arrays_come_back_but_for_those_that_are_added_up(layout):
    first = theirs(layout, drawn(layout))
    rng = np.random.default_rng(2)
    given = {k: rng.integers(-40, 40, v.shape) / 8 for k, v in first.items()}
    back = theirs(layout, ours(layout, given))
    assert list(back) == list(given)
    assert same(back, given) == (not shared(layout))
    assert same(ours(layout, back), ours(layout, given))  # what acts is the same


@each_layout
def test_gradients_are_those_of_their_arrays(layout):
    """Of ⟨v, ours(arrays)⟩ by autodiff: each of two biases has the whole."""
    arrays_given, v = theirs(layout, drawn(layout)), drawn(layout, seed=3)

    def product(given):
        pairs = zip(jax.tree.leaves(ours(layout, given)), jax.tree.leaves(v), strict=True)
        return sum((a * b).sum() for a, b in pairs)

    autodiff = uncompiled(jax.grad(product), arrays_given)(arrays_given)
    assert same(their_gradients(layout, v), autodiff)


@each_layout
def test_torch_and_jax_arrays_are_rearranged_like_numpys(layout):
    params = drawn(layout)
    wanted = theirs(layout, params)
    assert same(uncompiled(lambda p: theirs(layout, p), params)(params), wanted)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    given = jax.tree.map(torch.tensor, params)
    assert same(jax.tree.map(lambda v: v.numpy(), theirs(layout, given)), wanted)
    assert same(jax.tree.map(lambda v: v.numpy(), ours(layout, theirs(layout, given))), ours(layout, wanted))


def test_gates_stand_where_the_frameworks_documentation_says():
    """One number a gate, by hand."""
    params = CELLS["lstm"].parameter_shapes(1, 1)
    params = type(params)(np.array([[1.0, 2, 3, 4]]), np.array([[5.0, 6, 7, 8]]), np.array([0.1, 0.2, 0.3, 0.4]))
    given = {name: theirs(LAYOUTS[name], params) for name in LAYOUTS if LAYOUTS[name].cell == "lstm"}
    assert given["torch.nn.LSTM"]["weight_ih_l0"].tolist() == [[1], [2], [3], [4]]  # i, f, g, o
    assert given["torch.nn.LSTM"]["bias_hh_l0"].tolist() == [0, 0, 0, 0]
    assert given["onnx.LSTM"]["W"].tolist() == [[[1], [4], [2], [3]]]  # i, o, f, c
    assert given["tensorflow1.LSTMBlockCell"]["kernel"].tolist() == [[1, 3, 2, 4], [5, 7, 6, 8]]  # i, ci, f, o
    assert given["haiku.LSTM"]["linear.b"].tolist() == pytest.approx([0.1, 0.3, -0.8, 0.4])  # 1 is added to f
    assert given["flax.linen.LSTMCell"]["if.kernel"].tolist() == [[2]]
    assert given["haste.LSTM"]["kernel"].tolist() == [[1, 3, 2, 4]]
    assert given["flashrnn.lstm"]["R"].tolist() == [[[[5]]], [[[6]]], [[[7]]], [[[8]]]]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def tensorflow1(a, x, h, c):
    """LSTMCell: i, j, f, o of one product; peepholes where there are any, the output's at the new c."""
    i, j, f, o = np.split(np.concatenate((x, h), axis=1) @ a["kernel"] + a["bias"], 4, axis=1)
    peeps = [v for name, v in a.items() if name.startswith("w_")] or [0, 0, 0]
    c = sigmoid(f + 1 + peeps[1] * c) * c + sigmoid(i + peeps[0] * c) * np.tanh(j)
    return sigmoid(o + peeps[2] * c) * np.tanh(c), c


def haste(a, x, h, c):
    i, g, f, o = np.split(x @ a["kernel"] + h @ a["recurrent_kernel"] + a["bias"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def haste_gru(a, x, h):
    (z, r, g), (mz, mr, mg) = (
        np.split(v, 3, axis=1) for v in (x @ a["kernel"] + a["bias"], h @ a["recurrent_kernel"] + a["recurrent_bias"])
    )
    z, r = sigmoid(z + mz), sigmoid(r + mr)
    return (z * h + (1 - z) * np.tanh(g + r * mg),)


def flashrnn(a, x, h, c):
    """R is (gates, heads, out, in)."""
    i, f, z, o = np.split(x @ a["W"], 4, axis=1)
    i, f, z, o = (v + h @ R[0].T + b[0] for v, R, b in zip((i, f, z, o), a["R"], a["b"], strict=True))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    return sigmoid(o) * np.tanh(c), c


def xlstm(a, x, h, c, n, m):
    """recurrent_kernel is (heads, in, gates, out), bias (heads, gates, out)."""
    heads = h.reshape(len(h), *a["bias"].shape[::2])
    raw = np.einsum("bd,dgnh->bgnh", x, a["W"]) + np.einsum("bnk,nkgh->bgnh", heads, a["recurrent_kernel"])
    raw = (raw + a["bias"].swapaxes(0, 1)).reshape(len(h), 4, -1)
    i, f, z, o = (raw[:, k] for k in range(4))
    kept = m - np.log1p(np.exp(-f))
    m = np.maximum(i, kept)
    c = np.exp(kept - m) * c + np.exp(i - m) * np.tanh(z)
    n = np.exp(kept - m) * n + np.exp(i - m)
    return sigmoid(o) * c / n, c, n, m


def block_lstm_v2(a, x, h, c):
    i, f, g, o = np.split(np.concatenate((x, h), axis=1) @ a["w"] + a["b"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_block(a, x, h):
    r, u = np.split(sigmoid(np.concatenate((x, h), axis=1) @ a["w_ru"] + a["b_ru"]), 2, axis=1)
    c = np.tanh(np.concatenate((x, h * r), axis=1) @ a["w_c"] + a["b_c"])
    return ((1 - u) * c + u * h,)


def in_rows(a, x, h, c, order="ifgo", more_f=0):
    """Kernels of x and h in rows, then biases, however they are called."""
    of_x, of_h, *biases = a.values()
    blocks = dict(zip(order, np.split(x @ of_x.T + h @ of_h.T + sum(biases), 4, axis=1), strict=True))
    c = sigmoid(blocks["f"] + more_f) * c + sigmoid(blocks["i"]) * np.tanh(blocks["g"])
    return sigmoid(blocks["o"]) * np.tanh(c), c


def chainer(a, x, h, c):
    """a, i, f, o of each unit are neighbours."""
    raw = (x @ a["upward.W"].T + a["upward.b"] + h @ a["lateral.W"].T).reshape(len(x), -1, 4)
    g, i, f, o = np.moveaxis(raw, 2, 0)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_in_rows(a, x, h):
    of_x, of_h, *biases = a.values()
    if len(biases[1]) < len(biases[0]):  # the second bias is the candidate's alone
        biases[1] = np.concatenate((0 * biases[0][: -len(biases[1])], biases[1]))
    (r, z, n), (mr, mz, mn) = (np.split(v, 3, axis=1) for v in (x @ of_x.T + biases[0], h @ of_h.T + biases[1]))
    r, z = sigmoid(r + mr), sigmoid(z + mz)
    return ((1 - z) * np.tanh(n + r * mn) + z * h,)


def rnn_in_rows(a, x, h):
    of_x, of_h, *biases = a.values()
    return (np.tanh(x @ of_x.T + h @ of_h.T + sum(biases)),)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("tensorflow1.LSTMCell", tensorflow1),
        ("tensorflow1.LSTMCell(use_peepholes)", tensorflow1),
        ("tensorflow1.LSTMBlockCell(use_peephole)", tensorflow1),
        ("haste.LSTM", haste),
        ("haste.GRU", haste_gru),
        ("flashrnn.lstm", flashrnn),
        ("xlstm.sLSTMCell", xlstm),
        ("tensorflow.BlockLSTM", lambda a, x, h, c: tensorflow1({"kernel": a["w"], "bias": a["b"]}, x, h, c)),
        ("tensorflow.LSTMBlockCell", lambda a, x, h, c: tensorflow1({"kernel": a["w"], "bias": a["b"]}, x, h, c)),
        ("tensorflow.BlockLSTMV2", block_lstm_v2),
        ("tensorflow.GRUBlockCell", gru_block),
        ("paddle.nn.LSTM", in_rows),
        ("paddle.nn.LSTMCell", in_rows),
        ("paddle.nn.GRU", gru_in_rows),
        ("paddle.nn.SimpleRNN", rnn_in_rows),
        ("mlx.nn.LSTM", in_rows),
        ("mlx.nn.GRU", gru_in_rows),
        ("mlx.nn.RNN", rnn_in_rows),
        ("chainer.links.LSTM", chainer),
        ("dynet.VanillaLSTMBuilder", partial(in_rows, order="ifog", more_f=1)),
        ("mindspore.nn.LSTMCell", in_rows),
        ("mindspore.nn.GRUCell", gru_in_rows),
        ("mxnet.gluon.rnn.LSTM", in_rows),
        ("mxnet.gluon.rnn.GRU", gru_in_rows),
        ("mxnet.gluon.rnn.RNN(tanh)", rnn_in_rows),
        ("tinygrad.nn.LSTMCell", in_rows),
    ],
)
def test_what_cannot_be_installed_is_computed_by_its_documented_equations(name, step):
    layout = LAYOUTS[name]
    cell, rng = CELLS[layout.cell], np.random.default_rng(5)
    params = arrays(cell.parameter_shapes(D, H), rng.standard_normal)
    state = arrays(cell.state_shapes(2, H), lambda shape: np.abs(rng.standard_normal(shape)) + 0.1)
    x = rng.standard_normal((2, D))
    if without_place(layout):
        params = ours(layout, theirs(layout, params))
    new, _ = cell.forward(params, state, x)
    for mine, other in zip(new, step(theirs(layout, params), x, *state), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


@each_layout
def test_every_layout_can_be_said_in_words(layout):
    assert from_words(in_words(layout), layout.cell, layout.name, layout.traps, layout.source) == layout


@pytest.mark.parametrize(
    ("words", "cell"),
    [
        ("W: w_h[ifog] k (g h), w_x[ifog] d (g h) on axis 0; b: b[ifog] (g h)", "lstm"),
        ("W: b[ifog] 1 (g h), w_x[ifog] d (g h), w_h[ifog] k (g h) on axis 0", "lstm"),
        ("W: w_h[gifo] (h g) k, w_x[gifo] (h g) d on axis 1; b: b[gifo] (h g)", "lstm"),
        ("W: w_x[ifgo] d (g h); U: w_h[ifgo] k (g h)", "lstm"),
        ("W: w_h[ifgo] g k h, w_x[ifgo] g d h on axis 1; b: b[ifgo] g h", "lstm"),
        (
            "W: cell_w_h[ifgo] (g h) p, cell_w_x[ifgo] (g h) d on axis 1; b: cell_b[ifgo] (g h)"
            "\nP: w_p p k\ngates = ifgo",
            "lstmp",
        ),
        ("K: w_h[ifgo] x y k (g h), w_x[ifgo] x y d (g h) on axis 2; b: b[ifgo] (g h)", "conv_lstm_2d"),
        ("W: w_h[rzn] k (g h), w_x[rzn] d (g h), b[rzn] 1 (g h) on axis 0; m: b_h[rzn] (g h)", "gru"),
    ],
)
def test_a_layout_in_words_is_read_back_bit_by_bit(words, cell):
    layout = from_words(words, cell)
    params = drawn(layout)
    if "b[" not in words:
        params = params._replace(b=0 * params.b)  # no bias is a zero bias
    assert same(ours(layout, theirs(layout, params)), params)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("W: w_x[ifgo] d (g h)", "no array holds w_h of lstm"),
        ("W: w_x[ifg] d (g h); U: w_h[ifgo] k (g h)", r"no array holds w_x\[o\] of lstm"),
        ("W: w_q[ifgo] d h", "W: lstm has no parameter 'w_q'; it has w_x, w_h, b"),
        ("W: w_x d (g h)", "W: w_x must have in brackets some of its gates ifgo, each once, got none"),
        ("W: w_x[ifgg] d (g h)", "W: w_x must have in brackets some of its gates ifgo, each once, got ifgg"),
        ("W: w_x[icfo] d (g h)", "each once, got icfo"),
        ("W: w_x[ifgo] k (g h)", r"W: w_x has the axes d h g, got 'k \(g h\)'"),
        ("W: w_x[ifgo] d h", "W: w_x has the axes d h g, got 'd h'"),
        ("W: w_x[ifgo] d (g h), w_h[ifgo] k (g h)", "must end in `on axis N` if, and only if, it has several parts"),
        ("W: w_x[ifgo]", "is no part; one is `w_x"),
        ("the torch layout", "'the torch layout' is no clause; one is `ARRAY: PARAMETER"),
        ("f += 1.2.3", "must add a number, got '1.2.3'"),
        ("q += 1", "lstm has the gates ifgo, none is 'q'"),
    ],
)
def test_words_that_do_not_fit_are_one_clear_error(words, says):
    with pytest.raises(BadInput, match=says) as caught:
        from_words(words, "lstm", "mine")
    assert str(caught.value).startswith("mine: ")
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(BadInput, match="no cell is called 'lstn'"):
        from_words(words, "lstn")


@pytest.mark.parametrize("name", [name for name, v in LAYOUTS.items() if v.added])
def test_a_layout_with_an_added_constant_is_a_mapping(name):
    """Read by a user's `mapping`: its numbers are ours, and gradients come back through it as its own."""
    layout, cell = LAYOUTS[name], CELLS[LAYOUTS[name].cell]
    params, bars = drawn(layout), drawn(layout, seed=1)
    rng = np.random.default_rng(2)
    state = arrays(cell.state_shapes(2, H), rng.standard_normal)
    xs = rng.standard_normal((6, *cell.input_shapes(2, D, H=H)))
    inputs = {"theirs": theirs(layout, params), **state._asdict(), "xs": xs}
    mapping = lambda i: {**named(ours(layout, i["theirs"])), **{k: i[k] for k in state._fields}, "xs": i["xs"]}  # noqa: E731
    found = arrange(cell, inputs, mapping, paths(inputs))
    assert same(found.params, params)
    back = found.gradients(ClaimedAdjoints(params=bars, initial=state, xs=xs))
    for array, v in their_gradients(layout, bars).items():
        assert np.array_equal(back[f"theirs.{array}"], v)


def test_layers_and_directions_have_names_of_their_own():
    layout = LAYOUTS["torch.nn.LSTM"]
    layers = [Both(drawn(layout, 0), drawn(layout, 1)), Both(drawn(layout, 2), drawn(layout, 3))]
    given = all_theirs(layout, layers)
    assert len(given) == 16
    assert {"weight_ih_l0", "weight_ih_l1_reverse", "bias_hh_l1"} <= set(given)
    assert same(all_ours(layout, given, 2, both=True), layers)
    assert set(all_theirs(layout, layers, their_gradients)) == set(given)
    with pytest.raises(BadInput, match=r"equinox.nn.LSTMCell has no direction back in its names"):
        all_theirs(LAYOUTS["equinox.nn.LSTMCell"], layers)


def test_two_biases_learn_at_twice_the_rate():
    layout = LAYOUTS["torch.nn.LSTM"]
    params, bar = drawn(layout), drawn(layout, 1)
    rate = 0.125
    moved = {k: v - rate * their_gradients(layout, bar)[k] for k, v in theirs(layout, params).items()}
    assert same(ours(layout, moved).b, params.b - 2 * rate * bar.b)
    assert same(ours(layout, moved).w_x, params.w_x - rate * bar.w_x)


def bad(change):
    layout = LAYOUTS["torch.nn.LSTM"]
    return layout, {**theirs(layout, drawn(layout)), **change}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ours(LAYOUTS["torch.nn.LSTM"], {"a": 1}), "weight_ih_l0 is absent; there are a"),
        (
            lambda: ours(*bad({"weight_ih_l0": np.ones((15, 3))})),
            r"axes \(g h\) d for the gates ifgo, got shape \(15, 3\)",
        ),
        (lambda: ours(*bad({"bias_hh_l0": np.ones((4, 4))})), r"axes \(g h\) for the gates ifgo, got shape \(4, 4\)"),
        (lambda: ours(*bad({"weight_hh_l0": np.ones((20, 5))})), "parameter"),
        (
            lambda: theirs(LAYOUTS["torch.nn.GRU"], drawn(LAYOUTS["torch.nn.LSTM"])),
            "must be gru's, w_x, w_h, b, b_h",
        ),
        (
            lambda: ours(LAYOUTS["haiku.LSTM"], {"linear.w": np.ones((3, 16)), "linear.b": np.ones(16)}),
            r"linear.w cannot be of shape \(3, 16\)",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, says):
    with pytest.raises(BadInput, match=says) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_a_layout_with_a_mistake_is_seen():
    right = LAYOUTS["torch.nn.LSTM"]
    wrong = right._replace(parts=(LayoutPart("weight_ih_l{layer}{back}", "w_x", "(g h) d", "igfo"), *right.parts[1:]))
    assert not same(theirs(wrong, drawn(right)), theirs(right, drawn(right)))
    assert module.lost(wrong) == []


def test_the_page_lists_every_layout_with_its_cell():
    page = (Path(__file__).parents[2] / "derivations" / "layouts.md").read_text()
    for layout in LAYOUTS.values():
        assert f"| `{layout.name}` | `{layout.cell}` |" in page
