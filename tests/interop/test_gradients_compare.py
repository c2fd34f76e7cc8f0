"""A layer of any framework is held against ours, and a mistake of a kind that was shipped is found and named."""

import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shipped

from lstm_ref import BadInput, compare
from lstm_ref.cells import CELLS
from lstm_ref.interop.compare_file import compare_file
from lstm_ref.interop.layout import ours, their_gradients, theirs
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.sequence import LOOP

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
FUSED, SEPARATE = "tensorflow.BlockLSTMV2", "torch.nn.LSTM"
DOUBLE = {"dtypes": ["float64"]}


def told(found):
    return [finding.sentence for finding in found.findings]


# ------------------------------------------------------------------------------------------------ what is right


@pytest.mark.parametrize(
    ("run", "layout", "options"),
    [
        (shipped.fused, FUSED, {}),
        (shipped.right_with_the_clip, FUSED, {"cell": "cell_clipped"}),
        (shipped.separate, SEPARATE, {}),
        (shipped.separate, SEPARATE, {"sizes": {"T": 3, "B": 4, "D": 5, "H": 2}, "seed": 3}),
    ],
)
def test_a_right_layer_agrees_in_both_precisions(run, layout, options):
    found = compare(run, layout, **options)
    assert found.agrees, str(found)
    assert [run.dtype for run in found.runs] == ["float64", "float32"]
    assert found.runs[0].digits > 14
    assert found.findings == ()
    assert all(run.gradients and not run.missing for run in found.runs)


def test_a_forward_in_autograd_is_differentiated_by_autograd():
    np_ = pytest.importorskip("autograd.numpy", reason="autograd is not installed")

    def forward(params, state, xs):
        W, U, b = (params[name] for name in "WUb")
        h, hs = state.h, []
        for x in xs:
            h = np_.tanh(np_.dot(x, W) + np_.dot(h, U) + b)
            hs.append(h)
        return np_.stack(hs), h

    layout = "W: w_x d h; U: w_h k h; b: b h"
    found = compare(forward, layout, cell="rnn_tanh", autodiff="autograd")
    assert found.agrees, str(found)
    assert all(run.gradients and not run.missing for run in found.runs)


def test_a_framework_whose_autodiff_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "lstm_ref.interop.conform.with_pytensor", None)
    with pytest.raises(BadInput, match=r"^autodiff = 'pytensor': pytensor is not installed"):
        compare(lambda params, state, xs: None, FUSED, autodiff="pytensor")


def test_a_layer_is_asked_with_copies_and_may_write_into_them():
    def run(params, state, xs, bar):
        found = shipped.fused(params, state, xs, bar)
        for v in jax.tree.leaves((params, state, xs, bar)):
            v[:] = np.nan
        return found

    assert compare(run, FUSED).agrees


def test_what_is_computed_more_precisely_than_it_was_asked_for_is_right():
    def run(params, state, xs, bar):
        return shipped.fused(*jax.tree.map(np.float64, (params, state, xs, bar)))

    assert compare(run, FUSED, dtypes=["float32"]).agrees

    def single(params, state, xs, bar):
        return shipped.fused(*jax.tree.map(np.float32, (params, state, xs, bar)))

    assert "is float32 (6, 2, 5), expected float64 (6, 2, 5)" in str(compare(single, FUSED, **DOUBLE))


def looped(layout, step=None, wrong_lengths=False):
    """A layer in any layout: our loop, with another step back or without the lengths on the way back."""
    layout = LAYOUTS[layout]
    cell = CELLS[layout.cell]

    def run(params, state, xs, bar, lengths=None):
        p = ours(layout, params)
        outputs, tapes = LOOP.forward(cell, p, state, xs, lengths)
        back = cell._replace(backward=step or cell.backward)
        given = LOOP.backward(back, p, state, xs, tapes, bar, None if wrong_lengths else lengths)
        gradients = {"params": their_gradients(layout, given.params), "state": given.initial, "xs": given.xs}
        return outputs.hs, outputs.final, gradients

    return run


def test_a_layer_that_takes_lengths_is_compared_with_them_too():
    found = compare(looped("keras.layers.GRU"), "keras.layers.GRU", **DOUBLE)
    assert found.agrees, str(found)
    assert [run.feature for run in found.runs] == ["one layer", "one layer, lengths"]
    found = compare(looped(SEPARATE, wrong_lengths=True), SEPARATE, **DOUBLE)
    assert [run.agrees for run in found.runs] == [True, False]
    assert told(found) == [
        "right without lengths, wrong with them: the fault lies in what happens where a row has ended"
    ]


def test_a_forward_alone_and_part_of_the_gradients_are_compared_as_far_as_they_go():
    found = compare(lambda params, state, xs: shipped.fused(params, state, xs, (xs[..., :1] * 0, state))[:2], FUSED)
    assert found.agrees
    assert not any(run.gradients for run in found.runs)

    def some(params, state, xs, bar):
        hs, final, gradients = shipped.fused(params, state, xs, bar)
        return hs, final, {"params": {"w": gradients["params"]["w"]}}

    found = compare(some, FUSED, **DOUBLE)
    assert found.agrees
    assert "not given: d params.b, d state.h, d state.c, d xs" in str(found)


def test_where_no_gradient_is_given_none_is_said_to_agree():
    for nothing in ({}, {"params": {}}):
        found = compare(fused_but(lambda o, f, g, nothing=nothing: (o, f, nothing)), FUSED, **DOUBLE)
        assert "digits or more (outputs and final states; no gradients)" in str(found)


def test_the_example_of_the_page_has_at_most_fifteen_lines_and_says_what_the_page_says(capsys):
    code, said = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL).groups()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    exec(compile(code, "docs/compare.md", "exec"), {})
    assert mask(capsys.readouterr().out) == mask(said)


def test_the_example_with_torch_runs():
    pytest.importorskip("torch", reason="torch is not installed")
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    exec(compile(code, "docs/compare.md", "exec"), {})


def mask(text):
    """Digits after the point differ from one machine to the next."""
    return re.sub(r"\.\d digits", ". digits", text)


def test_the_mistake_on_the_page_is_what_the_command_says(tmp_path):
    shown = re.search(r"```console\n\$ lstm-ref conform fused.py\n(.*?)\.\.\.\n```", PAGE, re.DOTALL)[1]
    source = Path(shipped.__file__).read_text() + f"\nrun, layout = registered_for_the_other_version, {FUSED!r}\n"
    (tmp_path / "fused.py").write_text(source)
    told = "fused.py: " + str(compare_file(str(tmp_path / "fused.py")))
    lines = [re.sub(r":\d+\)", ":)", mask(line)) for line in told.splitlines()]
    assert all(re.sub(r":\d+\)", ":)", mask(line)) in lines for line in shown.splitlines())


def test_torchs_own_modules_need_no_layout():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = compare(torch.nn.LSTM(4, 7, num_layers=2, bidirectional=True), **DOUBLE)
    assert found.agrees, str(found)
    assert [run.feature for run in found.runs] == ["2 layers, both directions", "2 layers, both directions, lengths"]
    assert compare(torch.nn.GRUCell(2, 3), dtypes=["float32"]).agrees

    class Mine(torch.nn.LSTM):
        def forward(self, xs, state):
            hs, final = super().forward(xs, state)
            return hs.clone().detach() + 0 * hs, final  # no gradient of the outputs goes back

    Mine.__module__ = "mine"
    found = compare(Mine(3, 5), "torch.nn.LSTM", **DOUBLE)
    assert not found.agrees
    assert told(found)[0].startswith("the outputs' cotangents are ignored")
    with pytest.raises(BadInput, match=r"has the parameters weight_ih_l0.*; the layout kernel"):
        compare(torch.nn.LSTM(3, 5), "keras.layers.LSTM")


def test_of_several_layers_those_that_are_wrong_are_named():
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, v):
            return v.clone()

        @staticmethod
        def backward(ctx, bar):
            return 2 * bar

    class Mine(torch.nn.LSTM):
        def forward(self, xs, state):
            params = {k: Wrong.apply(v) if k == "bias_hh_l1_reverse" else v for k, v in self.named_parameters()}
            return torch.func.functional_call(torch.nn.LSTM(3, 5, 2, bidirectional=True).double(), params, (xs, state))

    found = compare(Mine(3, 5, 2, bidirectional=True), "torch.nn.LSTM", **DOUBLE)
    assert told(found) == ["of all gradients, those of layer 1 backward alone are wrong"]


# ---------------------------------------------------------------------------------------- what has been shipped

ORDER = "in another order than the forward"
SWAPPED = "g in the place of f, f in the place of g"
CUT = "the loop ends before the first step"
NAMED = {
    "first step": CUT,
    "pairs": "h stands for h_prev in w_h_bar",
    "second bias": "the gradient of params.bias_hh_l0 is zero throughout",
    "exchanged": "the gradient of state.h is that of state.c",
}


@pytest.mark.parametrize(
    ("run", "options", "says"),
    [
        (shipped.registered_for_the_other_version, {}, f"the blocks of a_bar are written {ORDER} has the gates in"),
        (shipped.made_for_the_other_version, {}, f"the backward has its gate blocks {ORDER}"),
        (shipped.without_the_clip, {"cell": "cell_clipped"}, "v_bar is carried without the factor within(v, of_cell)"),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_mistake_of_a_fused_op_is_named(run, options, says, dtype):
    found = compare(run, FUSED, dtypes=[dtype], **options)
    assert not found.agrees
    assert told(found)[0].startswith(says)
    assert SWAPPED in told(found)[0] or ORDER not in says
    assert found.findings[0].exact
    assert found.findings[0].place.startswith("derivations/")


@pytest.mark.parametrize(
    "wrong", [*((w,) for w in shipped.WRONG), ("pairs", "first step"), shipped.WRONG], ids=", ".join
)
def test_mistakes_of_a_layer_with_two_biases_are_named_one_by_one_and_together(wrong):
    def run(params, state, xs, bar):
        return shipped.separate(params, state, xs, bar, wrong)

    found = compare(run, SEPARATE, **DOUBLE)
    said = " | ".join(told(found))
    for mistake, sentence in NAMED.items():
        also = "the gradients of state.h and state.c are in each other's place" if mistake == "exchanged" else sentence
        assert (sentence in said or also in said) == (mistake in wrong), said


@pytest.mark.parametrize(
    "layout",
    [
        "haiku.LSTM",
        "tensorflow.BlockLSTM",
        "dynet.VanillaLSTMBuilder",
        "flax.linen.ConvLSTMCell(1-D)",
        "flax.linen.GRUCell",
    ],
)
def test_a_mistake_is_named_in_layouts_that_add_constants_and_biases(layout):
    cell = LAYOUTS[layout].cell
    entries = dictionary(cell)
    edit = next(e for e in entries.edits if e.kind == "factor left out")
    found = compare(looped(layout, entries.step_with([edit])), layout, **DOUBLE)
    assert told(found)[0] == entries.in_the_step(edit).sentence


@pytest.mark.parametrize(
    ("layout", "options", "says"),
    [
        ("tensorflow.BlockLSTM", {}, "the forward is not that of the layout tensorflow.BlockLSTM, but that of"),
        ("W: w_x[ifog] d (g h), w_h[ifog] k (g h) on axis 0; b: b[ifog] (g h)", {}, "gate blocks in the order"),
    ],
)
def test_a_forward_that_is_not_what_was_said_comes_first(layout, options, says):
    def run(params, state, xs, bar):
        w, b = params.values()
        hs, final, gradients = shipped.fused({"w": w, "b": b}, state, xs, bar)
        return hs, final, gradients | {"params": dict(zip(params, gradients["params"].values(), strict=True))}

    found = compare(run, layout, **options, **DOUBLE)
    assert not found.agrees
    assert says in told(found)[0]


def test_a_cell_that_is_another_one_is_named():
    found = compare(shipped.right_with_the_clip, FUSED, **DOUBLE)
    assert told(found) == ["the forward is not lstm, but cell_clipped: give cell='cell_clipped'"]


def test_jax_differentiates_a_forward():
    def forward(params, state, xs):
        def step(h, x):
            h = jnp.tanh(x @ params["W"].T + h @ params["U"].T + params["b"])
            return h, h

        final, hs = jax.lax.scan(step, state.h, xs)
        return hs, final

    words = "W: w_x h d; U: w_h h k; b: b h"
    assert compare(forward, words, cell="rnn_tanh", autodiff="jax").agrees
    found = compare(forward, words, cell="rnn_relu", autodiff="jax", **DOUBLE)
    assert told(found) == ["the forward is not rnn_relu, but rnn_tanh: give cell='rnn_tanh'"]


TANH = {"cell": "rnn_tanh", "dtypes": ["float64"], "sizes": {"D": 5}}


def elman(autodiff, from_zero=False):
    """A layer of jax or torch that unpacks its parameters."""
    numpy = pytest.importorskip({"jax": "jax.numpy"}.get(autodiff, autodiff), reason=f"{autodiff} is not installed")

    def forward(params, state, xs):
        W, U, b, *_ = params.values()
        h, hs = 0 * xs[0] if from_zero else state[0], []
        for t in range(len(xs)):
            hs.append(h := numpy.tanh(xs[t] @ W + h @ U + b))
        return numpy.stack(hs), h

    return forward


@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_a_forward_is_given_its_arrays_in_the_order_of_the_layout(autodiff):
    """`jax.tree` sorts the names of a dict: w would be taken for u."""
    found = compare(elman(autodiff), "w: w_x d h; u: w_h k h; z: b h", autodiff=autodiff, **TANH)
    assert found.agrees, str(found)


@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_an_autodiff_is_not_asked_for_the_gradient_of_a_state_that_starts_at_zeros(autodiff):
    """It would be zero, which is right, and not ours."""
    found = compare(
        elman(autodiff, from_zero=True), "w: w_x d h; u: w_h k h; z: b h", zero_state=True, autodiff=autodiff, **TANH
    )
    assert found.agrees, str(found)
    assert found.runs[0].missing == ("d initial.0.h",)


@pytest.mark.parametrize("autodiff", ["jax", "torch"])
def test_a_second_bias_that_the_forward_does_not_read_is_found_by_its_autodiff(autodiff):
    found = compare(elman(autodiff), "w: w_x d h; u: w_h k h; z: b h; v: b h", autodiff=autodiff, **TANH)
    assert [one.array for one in found.runs[0].arrays if one.digits == 0] == ["d params.0.v"]


@pytest.mark.parametrize("given", ["nothing", "h", "all"])
def test_what_a_forward_does_not_hand_out_is_not_asked_of_its_autodiff(given):
    def forward(params, state, xs):
        def step(state, x):
            f, i, o, g = jnp.split(x @ params["W"] + state[0] @ params["U"] + params["b"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        final, hs = jax.lax.scan(step, tuple(state), xs)
        return hs, {"nothing": None, "h": (final[0], None), "all": final}[given]

    found = compare(forward, "W: w_x[fiog] d (g h); U: w_h[fiog] k (g h); b: b[fiog] (g h)", autodiff="jax", **DOUBLE)
    assert found.agrees
    assert found.runs[0].missing == {"nothing": ("final.0.h", "final.0.c"), "h": ("final.0.c",), "all": ()}[given]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hs, h: (hs.swapaxes(0, 1), h), r"^outputs must have .*, got \(2, 6, 5\) \(the batch comes first\)"),
        (lambda hs, h: (hs, h[None]), r"^final.h must have the shape \(2, 5\), got \(1, 2, 5\)"),
        (lambda hs, h: (None, h), "must return the outputs where autodiff differentiates it, got None"),
    ],
)
def test_a_forward_whose_outputs_do_not_fit_is_refused_before_its_autodiff_sees_them(change, says):
    def forward(params, state, xs):
        step = lambda h, x: (h := jnp.tanh(x @ params["W"].T + h @ params["U"].T + params["b"]),) * 2  # noqa: E731
        h, hs = jax.lax.scan(step, state[0], xs)
        return change(hs, h)

    with pytest.raises(BadInput, match=says):
        compare(forward, "W: w_x h d; U: w_h h k; b: b h", cell="rnn_tanh", autodiff="jax")


# --------------------------------------------------------------------------------------------------- bad input


def fused_but(change):
    def run(params, state, xs, bar):
        return change(*shipped.fused(params, state, xs, bar))

    return run


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: compare(shipped.fused), "give a layout: a name"),
        (
            lambda: compare(shipped.fused, "torch.nn.LSTMM"),
            "no layout is called 'torch.nn.LSTMM'; the nearest are torch",
        ),
        (lambda: compare(shipped.fused, FUSED, cell="lstmq"), r"no cell is called 'lstmq'; did you mean lstm"),
        (
            lambda: compare(shipped.fused, FUSED, cell="rnn"),
            r"no cell is called 'rnn'; did you mean rnn_tanh or rnn_relu",
        ),
        (
            lambda: compare(shipped.fused, "W: w_x[zrn] d (g h)"),
            r"some of its gates ifgo.* got zrn: is it cell='gru'\?$",
        ),
        (lambda: compare(shipped.fused, "W: w_x[ifco] d (g h)"), r"got ifco: is its c our g\?$"),
        (lambda: compare(shipped.fused, "W: w_x d h"), r"got none: is it cell='rnn_tanh'\?$"),
        (lambda: compare(shipped.fused, FUSED, cell="gru"), "b has the axes|in brackets some of its gates rzn"),
        (lambda: compare(3, FUSED), "expected a function run.*got int"),
        (
            lambda: compare(lambda a, b: None, FUSED),
            r"must take \(params, state, xs, cotangents\) or .*it takes \(a, b\)",
        ),
        (
            lambda: compare(shipped.fused, FUSED, autodiff="tf"),
            "autodiff must be one of jax, torch, tensorflow, .*got 'tf'",
        ),
        (lambda: compare(shipped.fused, FUSED, layers=0), "layers must be an integer from 1 on, got 0"),
        (lambda: compare(shipped.fused, FUSED, dtypes="float32"), "dtypes must be some of float64, float32"),
        (lambda: compare(shipped.fused, FUSED, sizes={"Q": 1}), "sizes must give some of T, B, D, H, P.*got Q=1"),
        (
            lambda: compare(fused_but(lambda *v: v[:2]), FUSED),
            r"must return \(outputs, final, gradients\), got a tuple of 2",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, f[0], g)), FUSED),
            r"final must be \(h, c\).*got an array of shape",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (None, None, g)), FUSED),
            "outputs and final are both None: nothing can be compared",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, f, {"w": 1})), FUSED),
            "some of params, state, xs, got a dict of w",
        ),
        (lambda: compare(fused_but(lambda o, f, g: ("x", f, g)), FUSED), "outputs must be an array of floats, got <U1"),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, f, {"params": {"W": o}})), FUSED),
            "the gradient of params has the unknown name 'W'; the names are w, b",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o[:1], f, g)), FUSED),
            r"^outputs must have the shape \(6, 2, 5\), got \(1, 2, 5\)$",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, (f[0][None], f[1]), g)), FUSED),
            r"^final.h must have the shape \(2, 5\), got \(1, 2, 5\)$",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o.swapaxes(0, 1), f, g)), FUSED),
            r"^outputs must have the shape \(6, 2, 5\), got \(2, 6, 5\) \(the batch comes first\)$",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, f, g | {"params": {"b": g["params"]["b"][None]}})), FUSED),
            r"^the gradient of b must have the shape \(20,\), got \(1, 20\)$",
        ),
        (
            lambda: compare(fused_but(lambda o, f, g: (o, f, g | {"params": g["params"] | {"b": None}})), FUSED),
            "^the gradient of b is None: leave it out where the layer does not give it; where nothing reaches it, give",
        ),
        (lambda: compare(fused_but(lambda o, f, g: (o, f, g | {"xs": None})), FUSED), "^the gradient of xs is None"),
        (lambda: compare(shipped.fused, FUSED, layers=2), "'list'|list indices"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, says):
    with pytest.raises((BadInput, TypeError), match=says) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_a_nan_is_wrong():
    found = compare(fused_but(lambda o, f, g: (o, f, g | {"xs": g["xs"] * np.nan})), FUSED, **DOUBLE)
    assert [one.array for run in found.runs for one in run.arrays if not one.agrees] == ["d xs"]
    assert found.as_dict()["agrees"] is False


def test_a_gradient_that_is_a_little_off_is_wrong():
    found = compare(fused_but(lambda o, f, g: (o, f, g | {"xs": g["xs"] * (1 + 1e-9)})), FUSED)
    assert [run.agrees for run in found.runs] == [False, True]  # 1e-9 is below what float32 can see


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_second_bias_that_is_not_read_or_weighted_is_found(dtype):
    """Both biases get a random share of ours, so that none of them is zero."""
    sigmoid = lambda v: 1 / (1 + jnp.exp(-v))  # noqa: E731

    def with_second(weight):
        def forward(params, state, xs):
            (h, c), hs = state, []
            for x in xs:
                a = x @ params["weight_ih"].T + h @ params["weight_hh"].T + params["bias_ih"]
                i, f, g, o = jnp.split(a + weight * params["bias_hh"], 4, axis=-1)
                c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
                h = sigmoid(o) * jnp.tanh(c)
                hs.append(h)
            return jnp.stack(hs), (h, c)

        return forward

    options = {"autodiff": "jax", "dtypes": [dtype]}
    assert compare(with_second(1), "torch.nn.LSTMCell", **options).agrees
    assert told(compare(with_second(0), "torch.nn.LSTMCell", **options))[0] == "the forward does not read bias_hh"
    assert not compare(with_second(2), "torch.nn.LSTMCell", **options).agrees


def test_two_shares_of_a_bias_add_up_to_every_bit():
    cell = CELLS["lstm"]
    for dtype in (np.float64, np.float32):
        params = cell.initial_parameters(np.random.default_rng(0), 3, 2)
        params = params._replace(b=np.random.default_rng(1).standard_normal(8).astype(dtype))
        arrays = theirs(LAYOUTS[SEPARATE], params, share=np.random.default_rng(2))
        first, second = arrays["bias_ih_l0"], arrays["bias_hh_l0"]
        assert first.dtype == second.dtype == dtype
        assert np.all(first != 0)
        assert np.all(second != 0)
        np.testing.assert_array_equal(ours(LAYOUTS[SEPARATE], arrays).b, params.b)
