"""The dictionary of mistakes names the mistake that was made, in any layout, alone and in pairs."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest

from lstm_ref.arithmetic import where
from lstm_ref.cells import CELLS
from lstm_ref.cells.cell import arrays, in_domain, named
from lstm_ref.leaves import paths
from lstm_ref.mistakes import search
from lstm_ref.mistakes.arrangement import arrange
from lstm_ref.mistakes.conformance import VARIANTS, match_cell
from lstm_ref.mistakes.dictionary import Mistake, dictionary
from lstm_ref.mistakes.edits import edits_of
from lstm_ref.mistakes.guess import guess
from lstm_ref.mistakes.latex import latex
from lstm_ref.mistakes.recurrence import Recurrence, backward
from lstm_ref.mistakes.source import Source
from lstm_ref.padding import choose

T, B, D, H = 6, 2, 3, 4
ONE_A_PAGE = {cell.page: cell.name for cell in reversed(CELLS.values()) if isinstance(cell.x, str)}.values()
"""Cells of one page have one backward pass; one whose input is several arrays cannot be told by a mapping."""
UNIT = 2.0**-53


def drawn(cell, rng):
    """Our own layout, as flat inputs."""
    like = lambda shapes: {k: 0.5 * rng.standard_normal(s) for k, s in named(shapes).items()}  # noqa: E731
    xs = {"xs": rng.standard_normal((T, *cell.input_shapes(B, D, H=H)))}
    return like(cell.parameter_shapes(D, H)) | like(cell.state_shapes(B, H, D=D)) | xs


def outputs_of(cell, inputs, forward=None):
    """All outputs and the final state, by the cell's own forward or another one."""
    params, state = (
        jax.tree.unflatten(jax.tree.structure(shapes), [inputs[k] for k in named(shapes)])
        for shapes in (cell.params, cell.state)
    )
    hs = []
    for x in inputs["xs"]:
        state, _ = (forward or cell.forward)(params, state, x)
        hs.append(state.h)
    return {"hs": np.stack(hs), **{f"last {k}": v for k, v in named(state).items() if k != "h"}}


@cache
def case(name):
    """(dictionary, match, look, every entry tried) of a cell in our own layout; cotangents large, as a check's."""
    seed = 4 if name == "mlstm" else 1  # at 1 one side of its maxima is never the larger, and hides what it hands back
    cell, rng = CELLS[name], np.random.default_rng(seed)
    inputs = drawn(cell, rng)
    outputs = outputs_of(cell, inputs)
    found = match_cell(cell, arrange(cell, inputs, None, paths(inputs)), outputs)
    assert found is not None
    bars = {k: 100 * rng.standard_normal(v.shape) for k, v in outputs.items()}
    r = found.recurrence(bars)
    truth = found.layout.gradients(backward(r, r.tapes()))
    look = search.Look(r, truth, truth)
    entries = dictionary(name)
    return entries, found, bars, look, search.tried(entries, found.layout.gradients, look)


def same_function(one, other):
    return all(np.allclose(one[k], other[k], rtol=1e-9, atol=1e-9 * np.max(np.abs(other[k]))) for k in other)


@pytest.mark.parametrize("name", ONE_A_PAGE)
def test_the_first_answer_is_the_mistake_that_was_made_or_one_that_is_the_same_function(name):
    """Must hold for 95 % of the mistakes; it holds for all. Of most cells, every seventh is planted."""
    _, _, _, look, tried = case(name)
    missed = []
    for mistake, given in tried if name in ("rnn_tanh", "rnn_relu", "lstm", "gru") else tried[::7]:
        if not all(np.isfinite(v).all() for v in given.values()):
            continue  # it overflows, and compares with nothing
        if same_function(given, look.truth):
            continue  # no mistake here: the final h is no output of its own
        found = search.single(tried, look._replace(claimed=given), UNIT)
        by_mistake = {id(m): g for m, g in tried}
        if not found or not same_function(by_mistake[id(found[0])], given):
            missed.append((mistake.sentence, [m.sentence for m in found]))
    assert not missed


@pytest.mark.parametrize("name", ONE_A_PAGE)
def test_a_right_gradient_is_no_entry_of_the_dictionary(name):
    """Not even those that change nothing here, as the final h is no output of its own: there is nothing to explain."""
    _, _, _, look, tried = case(name)
    assert [m.sentence for m in search.single(tried, look, UNIT)] == []


@pytest.mark.parametrize("bits", [8, 11, 24, 52])
@pytest.mark.parametrize(("name", "every"), [("rnn_tanh", 1), ("gru", 25), ("lstm", 25)])
def test_no_entry_explains_another_function_than_its_own_in_any_arithmetic(name, every, bits):
    """That entries do not lie within a thousandth of each other's errors is what `explains` assumes of them."""
    _, _, _, look, tried = case(name)
    given = [g for _, g in tried if all(np.isfinite(v).all() for v in g.values()) and not same_function(g, look.truth)]
    for claim in given[::every]:
        others = search.single(list(enumerate(given)), look._replace(claimed=claim), 2.0**-bits)
        assert others  # itself
        assert all(same_function(given[k], claim) for k in others)


# ------------------------------------------------------------------------------------------------ sizes of all kinds

SIZES = [
    *((T, B, D, H) for T in (1, 2, 4) for B, D, H in ((2, 3, 5), (5, 3, 2), (3, 5, 7), (7, 5, 3))),  # none divides
    *((T, n, n, n) for T in (1, 3) for n in (1, 2, 3)),
    *((2, 1, D, H) for D, H in ((1, 4), (4, 1), (3, 4))),
    *((2, B, D, H) for B, D, H in ((2, 1, 1), (2, 3, 1), (2, 1, 3), (2, 3, 3), (3, 3, 2), (3, 2, 3))),
    *((2, B, D, H) for B, D, H in ((2, 6, 4), (2, 2, 6), (4, 2, 2), (6, 3, 2))),  # one divides another
]
"""(T, B, D, H), 31 of them."""
AT_EVERY_SIZE = ("rnn_tanh", "lstm", "peephole", "gru", "gru_before", "mgu", "coupled_forget", "layer_norm")


def recurrence_of(cell, T, B, D, H):
    rng = np.random.default_rng(0)
    states = cell.state_shapes(B, H, D=D)

    def drawn(shapes, *steps):
        return arrays(shapes, lambda shape: rng.standard_normal((*steps, *shape)))

    params, xs = drawn(cell.parameter_shapes(D, H)), drawn(cell.input_shapes(B, D, H=H), T)
    return Recurrence(cell, params, in_domain(cell, drawn(states)), xs, drawn(states, T), drawn(states), drawn(states))


def leaves(given):
    """Gradients by name, flat."""
    flat = {f"params.{k}": v for k, v in named(given.params).items()}
    return flat | {f"initial.{k}": v for k, v in named(given.initial).items()} | {"xs": given.xs}


@pytest.mark.parametrize("name", ONE_A_PAGE)
def test_an_entry_that_does_not_fit_the_sizes_is_left_out_and_no_other_with_it(name):
    """What does not fit is a matrix that cannot be transposed there, or one of another shape, where the output is
    projected; all else gives gradients of the right shapes. Of most cells, every sixth size. What is edited in a step
    sees one step's shapes, whatever T is, and is tried at the first T of them."""
    cell, entries, seen = CELLS[name], dictionary(name), set()
    assert len(set(SIZES)) >= 30
    for T, B, D, H in SIZES if name in AT_EVERY_SIZE else SIZES[::6]:
        r = recurrence_of(cell, T, B, D, H)
        mistakes = [m for m in entries.mistakes(T) if not m.edits or (B, D, H) not in seen]
        seen.add((B, D, H))
        tried = [(m, search.given_by(m, r)) for m in mistakes]
        left_out = {m.sentence for m, given in tried if given is None}
        known = "transposed" if "lstmp" not in name else ("transposed", "stands for")
        assert all(any(word in sentence for word in np.atleast_1d(known)) for sentence in left_out), (T, B, D, H)
        shapes = {k: np.shape(v) for k, v in leaves(backward(r, r.tapes())).items()}
        given = [leaves(g) for _, g in tried if g is not None]
        assert all({k: np.shape(v) for k, v in g.items()} == shapes for g in given)
    assert left_out or name not in AT_EVERY_SIZE, "at the last sizes some do not fit"


def test_a_kernel_of_x_that_is_not_transposed_is_named_where_it_is_square():
    """With D = H nothing fails: x_bar = a_bar @ w_x, gate by gate."""
    cell, r = CELLS["lstm"], recurrence_of(CELLS["lstm"], 3, 2, 4, 4)
    truth = leaves(backward(r, r.tapes()))

    def step(p, tape, bar):
        given = cell.backward(p, tape, bar)
        blocks = zip(np.split(given.nodes.a, 4, -1), np.split(p.w_x, 4, -1), strict=True)
        return given._replace(x=sum(a @ w for a, w in blocks))

    look = search.Look(r, leaves(backward(r, r.tapes(), step)), truth)
    found = search.single(search.tried(dictionary("lstm"), leaves, look), look, UNIT)
    assert [m.sentence for m in found] == ["w_x is not transposed, gate by gate, in x_bar"]


@pytest.mark.parametrize(("T", "B", "D", "H"), [(3, 2, 3, 5), (1, 5, 3, 2), (4, 1, 4, 1), (2, 3, 3, 3)])
def test_a_mistake_is_named_at_sizes_of_all_kinds(T, B, D, H):
    entries, r = dictionary("lstm"), recurrence_of(CELLS["lstm"], T, B, D, H)
    truth = leaves(backward(r, r.tapes()))
    tried = search.tried(entries, leaves, search.Look(r, truth, truth))
    for mistake, given in tried[::9]:
        if same_function(given, truth):
            continue  # none at one step, or of one row
        found = search.single(tried, search.Look(r, given, truth), UNIT)
        by_mistake = {id(m): g for m, g in tried}
        assert found, mistake.sentence
        assert same_function(by_mistake[id(found[0])], given), mistake.sentence


def test_code_that_nobody_edited_has_no_excuse_for_an_error():
    """An entry made between the steps that fails is a defect of ours, and is not left out silently."""
    r = recurrence_of(CELLS["lstm"], 2, 2, 3, 4)

    def fails(_):
        raise ValueError("a defect")

    ours = Mistake("kind", "sentence", "T1*", "bptt", fails)
    with pytest.raises(ValueError, match="a defect"):
        search.given_by(ours, r)
    edited = replace(ours, edits=tuple(dictionary("lstm").edits[:1]))
    assert search.given_by(edited, r) is None
    wrong_shapes = replace(edited, gradients=lambda r: backward(r, r.tapes())._replace(xs=r.xs[:, :1]))
    assert search.given_by(wrong_shapes, r) is None


TRUTH = {"w": np.array([1.0, 2.0, 3.0]), "b": np.array([4.0, 5.0]), "v": np.full(2, np.nan)}


@pytest.mark.parametrize(
    ("claim", "candidate", "explained"),
    [
        ({"w": [9.0, 2.0, 3.0]}, {"w": [9.0, 2.0, 3.0]}, True),
        ({"w": [9.0, 2.0, 3.0]}, {}, False),  # changes nothing
        ({"v": [9.0, 9.0]}, {}, False),  # of v nothing is known
        ({"v": [9.0, 9.0]}, {"v": [9.0, 9.0]}, False),
        ({"w": [9.0, 2.0, 3.0], "v": [9.0, 9.0]}, {"w": [9.0, 2.0, 3.0]}, True),
        ({"w": [9.0, 2.0, 3.0]}, {"w": [9.0, 2.0, 3.0], "b": [4.0, 6.0]}, False),  # makes b wrong
        ({"w": [9.0, 2.0, 3.0], "b": [4.0, 6.0]}, {"w": [9.0, 2.0, 3.0]}, False),  # leaves b unexplained
        ({"w": [1.0 + 1e-5, 2.0, 3.0]}, {"w": [1.0 + 1e-5, 2.0, 3.0]}, True),
        ({"w": [1.0 + 1e-5, 2.0, 3.0]}, {"w": [1.0 + 1e-5, 2.0, 3.0], "b": [4.0, 5.0 + 4e-8]}, False),  # b a little
        ({"w": [1.0 + 1e-5, 2.0, 3.0]}, {"w": [1.0 + 1.1e-5, 2.0, 3.0]}, False),
        (
            {"w": [1.0 + 1e-6, 2.0, 3.0], "b": [4.0, 9.0]},
            {"w": [1.0 + 1.01e-6, 2.0, 3.0], "b": [4.0, 9.0]},
            False,
        ),  # w nearly
        ({"w": [9.0, 2.0, np.nan]}, {"w": [9.0, 2.0, 3.0]}, False),
        ({"w": [9.0, 8.0, 3.0]}, {"w": [np.nan, 8.0, 3.0]}, False),  # what overflows explains nothing
    ],
)
def test_an_entry_explains_a_claim_that_it_changes_and_leaves_nothing_worse(claim, candidate, explained):
    as_arrays = lambda changes: TRUTH | {k: np.array(v) for k, v in changes.items()}  # noqa: E731
    claimed = {k: np.nan_to_num(v) for k, v in TRUTH.items()} | as_arrays(claim)
    claimed["v"] = np.nan_to_num(claimed["v"])
    assert (search.explains(as_arrays(candidate), search.Look(None, claimed, TRUTH), UNIT) is not None) is explained


# ---------------------------------------------------------------------------------------------------- two at once


def test_two_mistakes_at_once_are_named_both():
    entries, found, bars, look, _ = case("lstm")
    show, rng = found.layout.gradients, np.random.default_rng(0)
    first = {k: v * (found.step_of(k) == 1) for k, v in bars.items()}
    at_first = found.recurrence(first)
    right = show(backward(at_first, at_first.tapes()))
    named, pairs = 0, 0
    while pairs < 12:
        one, two = (entries.edits[k] for k in rng.choice(len(entries.edits), 2, replace=False))
        if one.equation == two.equation:
            continue
        pairs += 1
        both = entries.in_the_step(one, two)
        looks = [
            search.Look(at_first, show(both.gradients(at_first)), right),
            look._replace(claimed=show(both.gradients(look.recurrence))),
        ]
        answer = search.pair(entries, show, looks, UNIT)
        named += answer is not None and same_function(show(answer.gradients(look.recurrence)), looks[1].claimed)
    assert named >= 11


def test_every_entry_has_its_equation_in_latex_and_the_line_of_its_page():
    for name in ONE_A_PAGE:
        for mistake in dictionary(name).mistakes(T):
            assert re.fullmatch(r"derivations/\w+\.md:\d+", mistake.place), mistake
            if mistake.edits:
                assert r"\texttt" not in mistake.wrong, mistake.wrong
                assert mistake.right != mistake.wrong
    assert latex("c_bar = bar.c + u_bar * (1 - u * u)") == r"\bar c = \bar c^{\,next} + \bar u \odot (1 - u \odot u)"
    assert latex("prev_h_bar = a_bar @ p.w_h.T") == r"\bar h_{t-1} = \bar a\, W_{h}^\top"


def test_the_rules_make_no_edit_twice_and_none_that_changes_nothing():
    for name in ONE_A_PAGE:
        entries = dictionary(name)
        assert len({(e.helper, e.replacements[0][0], e.wrong) for e in entries.edits}) == len(entries.edits)
        assert all(e.wrong != e.equation for e in entries.edits)


# ----------------------------------------------------------------------------------------------------- layouts


def columns(inputs):
    """Column vectors, one kernel [h; x] a gate, gates f, i, c, o, the bias as two that add up."""
    W = np.concatenate([inputs["w_h"], inputs["w_x"]]).T.reshape(4, H, H + D)
    kernels = dict(zip("ifco", W, strict=True))
    return {
        "W": {k: kernels[k] for k in "fico"},
        "b": {k: 0.25 * inputs["b"].reshape(4, H, 1)["ifco".index(k)] for k in "fico"},
        "b2": {k: 0.75 * inputs["b"].reshape(4, H, 1)["ifco".index(k)] for k in "fico"},
        "h0": inputs["h"].T,
        "c0": inputs["c"].T,
        "x": inputs["xs"].transpose(0, 2, 1),
    }


def from_columns(inputs):
    W = np.concatenate([inputs["W"][k].T for k in "ifco"], axis=1)
    b = np.concatenate([(inputs["b"][k] + inputs["b2"][k])[:, 0] for k in "ifco"])
    xs = inputs["x"].transpose(0, 2, 1)
    return {"w_h": W[:H], "w_x": W[H:], "b": b, "h": inputs["h0"].T, "c": inputs["c0"].T, "xs": xs}


def by_choose(keep, y_bar, held_bar):
    return choose(keep, y_bar, 0), choose(keep, 0, held_bar), choose(keep, y_bar, held_bar)  # T2*


def by_where(keep, y_bar, held_bar):
    return where(keep, y_bar, 0), where(keep, 0, held_bar), where(keep, y_bar, held_bar)  # T2*


def by_numpy(keep, y_bar, held_bar):
    return np.where(keep, y_bar, 0), np.where(keep, 0, held_bar), np.where(keep, y_bar, held_bar)  # T2*


def by_xla(keep, y_bar, held_bar):
    select = jax.lax.select
    return select(keep, y_bar, 0), select(keep, 0, held_bar), select(keep, y_bar, held_bar)  # T2*


@pytest.mark.parametrize(
    ("masks", "select"), [(by_choose, "choose"), (by_where, "where"), (by_numpy, "np.where"), (by_xla, "select")]
)
def test_a_mask_is_turned_round_and_left_out_whatever_it_is_called(masks, select, monkeypatch):
    monkeypatch.setattr(Source, "locals_of", lambda self, *_: {})  # no shapes: masks need none
    made = [edit.wrong for edit in edits_of(Source(masks)) if edit.kind == "mask"]
    turned = [f"{select}(keep, {sides})" for sides in ("0, y_bar", "held_bar, 0", "held_bar, y_bar")]
    assert sorted(made) == sorted([*turned, "y_bar", "held_bar", "y_bar", "held_bar"])


def test_gradients_go_back_through_a_mapping_to_the_users_own_layout():
    """Each bias of two that add up gets the whole gradient of their sum; every other element its own."""
    cell, rng = CELLS["lstm"], np.random.default_rng(0)
    ours = drawn(cell, rng)
    theirs = columns(ours)
    arrays = arrange(cell, theirs, from_columns, paths(theirs))
    assert all(np.array_equal(getattr(arrays.params, k), ours[k]) for k in ("w_x", "w_h", "b"))
    assert np.array_equal(arrays.initial.h, ours["h"])
    outputs = outputs_of(cell, ours)
    found = match_cell(cell, arrays, {"hs": outputs["hs"].transpose(0, 2, 1), "c": outputs["last c"].T})
    assert found is not None
    r = found.recurrence({"hs": outputs["hs"].transpose(0, 2, 1), "c": outputs["last c"].T})
    given = backward(r, r.tapes())
    shown, expected = (
        arrays.gradients(given),
        paths(columns({**given.params._asdict(), **given.initial._asdict(), "xs": given.xs})),
    )
    for path, value in expected.items():
        whole = path.split(".")[0] in ("b", "b2")
        assert np.allclose(shown[path], value / (0.25 if path.startswith("b.") else 0.75) if whole else value)


def test_a_final_state_among_other_outputs_is_told_from_the_outputs_of_all_steps():
    _, _, bars, look, _ = case("lstm")
    r = look.recurrence
    assert np.array_equal(r.states_bar.h, bars["hs"])
    assert np.array_equal(r.final_bar.c, bars["last c"])
    assert not np.any(r.final_bar.h)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (lambda i: {"w_x": i["w_x"]}, "w_h is not among w_x"),
        (lambda i: i | {"xs": i["xs"][0]}, r"xs as \(T, B, D\), got shape \(2, 3\)"),
        (lambda i: i | {"b": i["b"][1:]}, r"b must have shape \(16,\).*got \(15,\)"),
        (lambda i: i | {"p": i["b"]}, "gives p, which the cell does not have"),
        (lambda i: i | {"b": i["b"] * i["b"]}, "two elements are multiplied"),
        (lambda i: i | {"b": np.tanh(i["b"])}, "may rearrange, add and scale"),
        (lambda i: i["no such"], "mapping.inputs. fails: KeyError"),
        (lambda i: 3, "must return a dict of arrays, got int"),
        ({"w_x": "nowhere"}, "w_x is said to be 'nowhere', which is no input"),
    ],
)
def test_a_mapping_that_does_not_fit_is_one_clear_error(mapping, message):
    from lstm_ref import BadInput

    inputs = drawn(CELLS["lstm"], np.random.default_rng(0))
    with pytest.raises(BadInput, match=message):
        arrange(CELLS["lstm"], inputs, mapping, paths(inputs))


# ------------------------------------------------------------------------------------------------- conformance


@pytest.mark.parametrize(("cell", "variant"), [(c, v) for c, names in VARIANTS.items() for v in names])
def test_a_forward_that_is_a_known_variant_is_named(cell, variant):
    ours = CELLS[cell]
    inputs = drawn(ours, np.random.default_rng(0))
    outputs = outputs_of(ours, inputs, Source(ours.forward).with_text(VARIANTS[cell][variant]))
    found = match_cell(ours, arrange(ours, inputs, None, paths(inputs)), outputs)
    assert found is not None
    assert (found.variant, found.gates) == (variant, None)


def test_a_variant_that_cannot_be_computed_is_left_out_and_no_other_with_it(monkeypatch):
    """The first variant of this LSTM splits four units into three."""
    ours = CELLS["lstm"]
    fails = {"fails": {"u = tanh(c)": "u = np.stack(np.split(c, 3, -1))"}}
    monkeypatch.setitem(VARIANTS, "lstm", fails | VARIANTS["lstm"])
    inputs = drawn(ours, np.random.default_rng(0))
    changed = Source(ours.forward).with_text(VARIANTS["lstm"]["no input gate"])
    found = match_cell(ours, arrange(ours, inputs, None, paths(inputs)), outputs_of(ours, inputs, changed))
    assert found is not None
    assert found.variant == "no input gate"


def test_gate_blocks_in_another_order_are_named():
    """The user stacks i, f, o, g, as torch does not; the mapping calls them ours."""
    cell = CELLS["lstm"]
    inputs = drawn(cell, np.random.default_rng(0))
    order = [0, 1, 3, 2]
    swapped = {k: np.concatenate([np.split(inputs[k], 4, -1)[n] for n in order], -1) for k in ("w_x", "w_h", "b")}
    found = match_cell(cell, arrange(cell, inputs | swapped, None, paths(inputs | swapped)), outputs_of(cell, inputs))
    assert found is not None
    assert found.gates == (0, 1, 3, 2)


def test_a_forward_that_is_another_cell_conforms_to_nothing():
    cell, rng = CELLS["lstm"], np.random.default_rng(0)
    inputs = drawn(cell, rng)
    outputs = jax.tree.map(np.sin, outputs_of(cell, inputs))
    assert match_cell(cell, arrange(cell, inputs, None, paths(inputs)), outputs) is None


# --------------------------------------------------------------------------------- a cell that nobody has named


@pytest.mark.parametrize("rearranged", [columns, lambda inputs: inputs], ids=["columns", "our own"])
def test_a_known_cell_is_found_in_a_layout_that_nobody_told(rearranged):
    cell = CELLS["lstm"]
    ours = drawn(cell, np.random.default_rng(0))
    theirs = rearranged(ours)
    found = guess(paths(theirs), {"hs": outputs_of(cell, ours)["hs"].transpose(1, 2, 0)})
    assert found is not None
    assert found.cell.name == "lstm"
    assert np.allclose(found.states.h, outputs_of(cell, ours)["hs"], rtol=1e-14)


def test_a_gru_with_torchs_layout_is_found():
    cell = CELLS["gru"]
    ours = drawn(cell, np.random.default_rng(0))
    theirs = {"weight_ih": ours["w_x"].T, "weight_hh": ours["w_h"].T, "bias_ih": ours["b"], "bias_hh": ours["b_h"]}
    found = guess(theirs | {"h0": ours["h"], "x": ours["xs"]}, outputs_of(cell, ours))
    assert found is not None
    assert (found.cell.name, found.gates) == ("gru", None)


def test_another_function_of_the_same_shapes_is_no_known_cell():
    cell = CELLS["lstm"]
    inputs = drawn(cell, np.random.default_rng(0))
    assert guess(paths(inputs), {"hs": np.sin(outputs_of(cell, inputs)["hs"])}) is None


@pytest.mark.parametrize("sizes", [(1, 1, 2, 1), (3, 1, 2, 1), (3, 1, 3, 4), (2, 2, 1, 3), (3, 3, 3, 3), (4, 2, 3, 5)])
@pytest.mark.parametrize("name", ["rnn_tanh", "lstm", "gru"])
def test_a_cell_is_found_at_sizes_at_which_one_array_has_the_shape_of_another(name, sizes):
    """Of one unit a kernel is a row like the bias, of one row the state is."""
    T, B, D, H = sizes
    cell, rng = CELLS[name], np.random.default_rng(0)
    shapes = {**named(cell.parameter_shapes(D, H)), **named(cell.state_shapes(B, H, D=D)), "xs": (T, B, D)}
    inputs = {k: 0.5 * rng.standard_normal(s) for k, s in shapes.items()}
    found = guess(inputs, outputs_of(cell, inputs))
    assert found is not None
    assert found.cell.name == name
    for k in named(cell.params):
        assert np.array_equal(getattr(found.params, k), inputs[k]), k
