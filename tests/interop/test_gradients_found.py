"""What is wrong with layers that ship is found and named, on imitations in NumPy; the page names its files."""

import re
from pathlib import Path

import numpy as np
import pytest
import shipped

from lstm_ref import compare
from lstm_ref.interop.conform.features import Feature, arranged, problem
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.interop.own_forward import decided
from lstm_ref.interop.theirs import answering
from lstm_ref.interop.whole_arrays import begun

ROOT = Path(__file__).parents[2]
PAGE, FILES = (ROOT / "docs" / "found.md").read_text(), sorted((ROOT / "examples" / "found").glob("*.py"))
DECIDED = "differences of the layer's own forward agree with our gradients, not with its own"
SEPARATE, SINGLE = "torch.nn.LSTM", {"dtypes": ["float32"]}


def told(found):
    return [finding.sentence for finding in found.findings]


# ---------------------------------------------------------------------------------------------------- what is named


def test_a_clip_that_the_backward_does_not_know_is_named_where_many_states_stand_at_the_bound():
    run = shipped.clipped_with_a_forget_bias
    found = compare(run, "tensorflow.BlockLSTM", cell="cell_clipped", seed=3, **SINGLE)  # four of the final c
    assert told(found)[0] == "v_bar is carried without the factor within(v, of_cell)"


def test_a_clip_that_the_backward_does_not_know_is_named_beside_another_order_of_the_gates():
    run = shipped.clipped_and_registered_for_the_other_version
    found = compare(run, "tensorflow.BlockLSTMV2", cell="cell_clipped", **SINGLE)
    assert told(found)[0].startswith("v_bar is carried without the factor within(v, of_cell); and the blocks of a_bar")
    assert "g in the place of f, f in the place of g" in told(found)[0]


def test_five_mistakes_of_one_layer_are_told_apart():
    found = compare(shipped.begun_at_the_parameters, SEPARATE, **SINGLE)
    assert told(found)[0] == "the forward takes the initial h and c in each other's place"
    assert re.match(
        "the gradients of params.bias_ih_l0, .* begin at the arrays' own values, not at zero; "
        "that of params.bias_ih_l0 at its sum with params.bias_hh_l0$",
        told(found)[1],
    )
    assert told(found)[2] == "the gradient of params.bias_hh_l0 is zero throughout: nothing reaches it"
    assert told(found)[3].startswith(
        "h stands for h_prev in w_h_bar; and the loop runs back over the last 5 steps only"
    )
    assert told(found)[4:] == [DECIDED]
    assert all(finding.exact for finding in found.findings[:4])


def test_a_forward_that_fills_one_row_of_a_batch_is_told_by_its_rows():
    found = compare(shipped.one_row, SEPARATE, sizes={"B": 3}, **SINGLE)
    assert told(found) == [
        "the forward is right in row 0 of the batch, and wrong in rows 1, 2, which stay zero",
        "every wrong gradient is zero throughout: nothing reaches it "
        "(params.weight_ih_l0, params.weight_hh_l0, params.bias_ih_l0, params.bias_hh_l0, xs)",
        DECIDED,
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("early", "the previous state is read one index too early: h (the first step's wraps around)"),
        ("final", "the cotangent of the final h is taken for that of the final c too"),
    ],
)
def test_a_slip_of_an_index_or_a_name_is_named(wrong, says):
    def run(params, state, xs, bar):
        return shipped.separate(params, state, xs, bar, (wrong,))

    found = compare(run, SEPARATE, **SINGLE)
    assert told(found)[0] == says


def test_another_cell_is_named_in_float32_too():
    found = compare(shipped.right_with_the_clip, "tensorflow.BlockLSTMV2", **SINGLE)
    assert told(found) == ["the forward is not lstm, but cell_clipped: give cell='cell_clipped'"]


def test_what_is_not_zero_at_cotangents_of_zero_but_no_value_is_not_called_begun():
    """A dropped factor h_bar leaves such gradients too."""
    values = {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}
    assert begun({"a": np.array([1.0, 2.1]), "b": np.array([0.0])}, values, 2.0**-53) is None
    assert begun({"a": np.array([1.0, 2.0]), "b": np.array([0.0])}, values, 2.0**-53).edit(values)["a"].tolist() == [
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("ours", "sides"), [(1, "its own gradients, not with ours"), (0, "our gradients, not with its own")]
)
def test_whose_gradient_is_right_is_asked_of_the_layers_own_forward(ours, sides):
    """Truth and claim stand in each other's place: then the differences side with the claim."""
    layout, feature = LAYOUTS[SEPARATE], Feature("one layer")
    given = problem(feature, layout, "float64", 0)
    answer, weights = answering(shipped.separate).answer, arranged(layout, given)
    right = {"xs": answer(given, weights).xs}
    wrong = {"xs": right["xs"][::-1]}
    found = decided(given, weights[0], answer, *((right, wrong) if ours else (wrong, right)))
    assert found.sentence.endswith(sides)
    assert decided(given, weights[0], answer, wrong, {"xs": 2 * right["xs"] - wrong["xs"]}) is None


# ------------------------------------------------------------------------------------------- what a layer hands out


def test_what_a_layer_does_not_hand_out_is_not_asked_of_it():
    found = compare(shipped.last_alone, SEPARATE, zero_state=True)
    assert found.agrees, str(found)
    assert "not given: outputs, final.c, d state.h, d state.c" in str(found)
    assert not compare(shipped.last_alone, SEPARATE, **SINGLE).agrees  # its initial state is zero whatever it is given

    def run(params, state, xs, bar):
        sent.append(bar)
        return shipped.last_alone(params, state, xs, bar)

    sent = []
    compare(run, SEPARATE, zero_state=True, **SINGLE)
    assert not np.any(sent[-1].hs)
    assert not np.any(sent[-1].final.c)
    assert np.any(sent[-1].final.h)


# ---------------------------------------------------------------------------------------------------------- the page


def test_the_page_names_every_file_and_every_name_is_a_file():
    named = re.findall(r"examples/found/(\w+\.py)", PAGE)
    assert sorted(set(named)) == [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_page_compiles_is_short_and_gives_what_the_command_reads(path):
    code = compile(path.read_text(), str(path), "exec")
    assert len([line for line in path.read_text().splitlines() if line.strip()]) <= 24
    names = set(code.co_names)
    of_conform, of_check = "layout" in names and names & {"run", "forward"}, {"inputs", "gradients"} <= names
    assert of_conform or of_check or "problem" in names
