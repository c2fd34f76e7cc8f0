"""What a page says and leaves open: shapes, roles, the meaning of δ, what the loss reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_ref.errors import BadInput
from lstm_ref.written import check_text
from lstm_ref.written.truth import _kept as kept_truths

RNN = r"""
$$a_t = W x_t + U h_{t-1} + b$$
$$h_t = \tanh(a_t)$$
"""


def conventions(backward, forward=RNN):
    report = check_text(forward + backward)
    assert report.verdict == "right", [(x.source, x.finding) for x in report.lines]
    return " | ".join(report.conventions)


def test_shapes_are_inferred_and_a_stack_is_as_long_as_its_parts():
    report = check_text(
        r"""$$\begin{pmatrix} i_t \\ g_t \end{pmatrix} =
        \begin{pmatrix} \sigma \\ \tanh \end{pmatrix} W [h_{t-1}, x_t]$$
        $$h_t = i_t \odot g_t$$
        $$\bar i_t = \bar h_t \odot g_t$$"""
    )
    assert report.shapes == {"W": "2H×(H+D)", "h": "H", "x": "D"}


def test_shapes_that_contradict_each_other_are_named_with_their_line():
    with pytest.raises(BadInput, match=r"line 2: the shapes .* only if h is a single number"):
        check_text("$$a_t = W x_t$$\n$$h_t = \\tanh(a_t + h_{t-1}^\\top U)$$\n$$\\bar a_t = \\bar h_t$$")


def test_rows_and_columns_are_told_apart():
    rows = check_text(r"$$h_t = \tanh(x_t W + h_{t-1} U)$$ $$\bar W = \sum_t x_t^\top (\bar h_t \odot (1 - h_t^2))$$")
    columns = check_text(
        r"$$h_t = \tanh(W x_t + U h_{t-1})$$ $$\bar W = \sum_t (\bar h_t \odot (1 - h_t^2)) x_t^\top$$"
    )
    assert (rows.verdict, columns.verdict) == ("right", "right")
    assert (rows.shapes["W"], columns.shapes["W"]) == ("D×H", "H×D")


def test_a_delta_may_be_the_adjoint_of_the_preactivation():
    said = conventions(
        r"$$\delta_t = (1 - h_t^2) \odot (\Delta_t + U^\top \delta_{t+1})$$ $$\nabla_W L = \sum_t \delta_t x_t^\top$$"
    )
    assert r"\delta_t is the adjoint of a_t" in said
    assert r"\Delta_t is given: what reaches h_t from outside of these equations" in said


def test_a_delta_may_be_the_adjoint_of_the_value():
    said = conventions(
        r"""$$\delta_t = \Delta_t + U^\top (\delta_{t+1} \odot (1 - h_{t+1}^2))$$
        $$\nabla_W L = \sum_t (\delta_t \odot (1 - h_t^2)) x_t^\top$$"""
    )
    assert r"\delta_t is the adjoint of h_t" in said


def test_what_the_loss_reads_is_said():
    backward = (
        r"""$$\nabla_{a_t} L = (1 - h_t^2) \odot \nabla_{h_t} L$$ $$\nabla_{h_{t-1}} L = U^\top \nabla_{a_t} L$$"""
    )
    last = backward + r"$$\nabla_W L = \sum_t \nabla_{a_t} L \, x_t^\top$$"
    assert "the loss reads h_t of the last step alone" in conventions(last)


def test_a_line_without_its_sum_is_one_steps_contribution_where_no_line_has_one():
    backward = r"$$\nabla_{a_t} L = (1 - h_t^2) \odot \nabla_{h_t} L$$ $$\nabla_W L = \nabla_{a_t} L \, x_t^\top$$"
    assert "one step contributes" in conventions(backward)


def test_a_line_without_its_sum_is_wrong_where_others_have_one():
    report = check_text(
        RNN + r"$$\nabla_{a_t} L = (1 - h_t^2) \odot \nabla_{h_t} L$$"
        r"$$\nabla_W L = \nabla_{a_t} L x_t^\top$$ $$\nabla_b L = \sum_t \nabla_{a_t} L$$"
    )
    assert [x.finding for x in report.lines if x.verdict == "wrong"] == ["the sum over time is missing"]


def test_slopes_may_be_written_of_activated_values():
    said = conventions(
        r"$$\nabla_{n_t} L = f'(h_t) \odot \nabla_{h_t} L$$", r"$$n_t = W x_t + U h_{t-1}$$ $$h_t = f(n_t)$$"
    )
    assert "the slope at what was activated" in said


def test_gradients_without_a_line_are_listed_with_one():
    report = check_text(RNN + r"$$\bar a_t = \bar h_t \odot (1 - h_t^2)$$")
    assert {m.of: m.corrected for m in report.missing} == {
        "W": r"\bar W = \sum_{t} \bar a_t x_t^\top",
        "U": r"\bar U = \sum_{t} \bar a_t h_{t-1}^\top",
        "b": r"\bar b = \sum_{t} \bar a_t",
        "x_t": r"\bar x_t = W^\top \bar a_t",
    }


def test_one_equation_may_stand_for_several_gates():
    report = check_text(
        r"""$$i_t = \sigma(W_i x_t + U_i h_{t-1})$$ $$g_t = \tanh(W_g x_t + U_g h_{t-1})$$ $$h_t = i_t \odot g_t$$
        $$\delta_i^t = \delta_h^t \odot g_t \odot i_t \odot (1 - i_t)$$
        $$\delta_g^t = \delta_h^t \odot i_t \odot (1 - g_t^2)$$
        $$\delta_h^t = \Delta^t + \sum_{k \in \{i, g\}} U_k^\top \delta_k^{t+1}$$
        $$\nabla_{W_k} L = \sum_t \delta_k^t x_t^\top \quad (k = i, g)$$"""
    )
    assert [line.verdict for line in report.lines] == ["right"] * 5


def test_a_line_that_cannot_be_read_leaves_the_page_undecided_and_the_others_judged():
    report = check_text(
        RNN + r"$$\bar a_t = \bar h_t \odot (1 - h_t^2)$$ $$\bar h_{t-k} = \bar h_t J_t \cdots J_{t-k+1}$$"
    )
    assert report.verdict == "undecided"
    assert [line.verdict for line in report.lines] == ["right", "unchecked"]


def test_nothing_is_called_wrong_where_the_forward_pass_could_not_be_read():
    report = check_text(RNN + r"$$y_t = \mathrm{conv}(h_t)$$ $$\bar a_t = \bar h_t$$")
    assert report.verdict == "undecided"
    assert "could not" in report.lines[-1].finding + report.lines[0].finding


def test_a_symbol_that_nothing_defines_is_named():
    report = check_text(RNN + r"$$\bar a_t = \bar h_t \odot (1 - h_t^2)$$ $$\bar x_t = W^\top \bar a_t + q_t$$")
    assert [line.finding for line in report.lines if line.verdict == "unchecked"] == [
        "it reads q, which no equation of the page defines"
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_verdicts_do_not_hang_on_the_random_numbers(seed):
    right = RNN + r"$$\bar a_t = \bar h_t \odot (1 - h_t^2)$$"
    assert check_text(right, seed=seed).verdict == "right"
    assert check_text(right.replace("1 - h_t^2", "1 - a_t^2"), seed=seed).verdict == "wrong"


def test_a_stack_that_holds_itself_is_refused_with_its_line():
    with pytest.raises(BadInput, match=r"line 1: .* a stack is as long as one of its parts"):
        check_text("$$h_t = [h_{t-1}, x_t]$$\n$$\\bar x_t = \\bar h_t$$")


def test_the_loss_of_an_earlier_step_contributes_nothing():
    every = r"$$\delta_t = (1 - h_t^2) \odot (\frac{\partial L_{t}}{\partial h_t} + U^\top \delta_{t+1})$$"
    kernel = r"$$\frac{\partial L}{\partial W} = \sum_t \delta_t x_t^\top$$"
    assert check_text(RNN + every + kernel).verdict == "right"
    [wrong, _] = check_text(RNN + every.replace("L_{t}", "L_{t-1}") + kernel).lines
    assert wrong.verdict == "wrong"
    assert (
        r"\frac{\partial L_{t-1}}{\partial h_t} stands where \frac{\partial L_t}{\partial h_t} belongs" in wrong.finding
    )


def test_a_bias_of_rows_is_summed_over_the_batch_in_the_line_that_is_missing():
    report = check_text(
        r"""$$a_t = x_t W + h_{t-1} U + b$$ $$h_t = \tanh(a_t)$$
        $$\bar a_t = \bar h_t \odot (1 - h_t^2)$$ $$\bar d = \sum_t \sum_B \bar y_t$$ $$y_t = h_t V + d$$"""
    )
    assert report.verdict == "right"
    assert {m.of: m.corrected for m in report.missing}["b"] == r"\bar b = \sum_{t} \sum_B \bar a_t"


def test_the_dot_of_a_slope_is_what_the_gate_squashes():
    forward = r"$$i_t = \sigma(W x_t + U h_{t-1})$$ $$g_t = \tanh(V x_t)$$ $$h_t = i_t \odot g_t$$"
    line = r"$$\delta_i^t = \nabla_{h_t} L \odot g_t \odot \sigma'(\cdot)$$ $$\nabla_W L = \sum_t \delta_i^t x_t^\top$$"
    assert check_text(forward + line).verdict == "right"
    slipped = check_text(forward + line.replace(r"\sigma'", r"\tanh'"))
    assert [x.verdict for x in slipped.lines] == ["wrong", "right"]


def test_one_chain_rule_may_stand_for_several_gates():
    forward = r"""$$i_t = \sigma(W_i x_t + U_i h_{t-1})$$ $$g_t = \tanh(W_g x_t + U_g h_{t-1})$$
    $$c_t = i_t \odot g_t + h_{t-1}$$ $$h_t = \tanh(c_t)$$"""
    line = (
        r"$$\frac{\partial L}{\partial k_t} = \frac{\partial L}{\partial c_t} \frac{\partial c_t}{\partial k_t}"
        r" \quad (k = i, g)$$"
    )
    assert [x.verdict for x in check_text(forward + line).lines] == ["right", "right"]
    slipped = check_text(
        forward + line.replace(r"\frac{\partial L}{\partial c_t} ", r"-\frac{\partial L}{\partial c_t} ")
    )
    assert [x.verdict for x in slipped.lines] == ["wrong", "wrong"]


LSTM = r"""$$i_t = \sigma(W_i x_t + U_i h_{t-1})$$ $$g_t = \tanh(W_g x_t + U_g h_{t-1})$$
$$c_t = c_{t-1} + i_t \odot g_t$$ $$h_t = \tanh(c_t)$$"""


def test_a_sentence_says_that_the_star_is_the_matrix_product():
    page = r"""$$h_t = \tanh(x_t * W + h_{t-1} * U)$$
    $$\delta h_{t-1} = (\delta h_t \cdot (1 - h_t^2)) * U^T$$"""
    said = check_text(r"Here $*$ is the matrix product." + page)
    assert (said.verdict, said.shapes["W"]) == ("right", "D×H")
    assert check_text(page).shapes["W"] != "D×H"


def test_a_row_of_factors_is_read_as_the_column_that_it_transposes():
    right = r"$$\nabla_{i_t} L^T = \nabla_{c_t} L^T \odot g_t$$"
    open_ = right.replace(r"\nabla_{i_t} L^T", r"\delta_{i,t}^T").replace(r"\nabla_{c_t} L^T", r"\delta_{c,t}^T")
    page = (
        LSTM
        + open_
        + r"$$\delta_{i,t} = \frac{\partial L}{\partial i_t}, \quad \delta_{c,t} = \frac{\partial L}{\partial c_t}$$"
    )
    assert check_text(page).verdict == "right"
    assert check_text(page.replace(r"\odot g_t$$$$\delta", r"\odot i_t$$$$\delta")).verdict == "wrong"


def test_dv_may_be_the_adjoint_of_what_a_gate_squashes():
    forward = LSTM
    lines = r"""$$di_t = dc_t \odot g_t \odot i_t \odot (1 - i_t)$$ $$dg_t = dc_t \odot i_t \odot (1 - g_t^2)$$
    $$dW_i = di_t x_t^T$$"""
    report = check_text(forward + lines)
    assert report.verdict == "right"
    assert "d i_t is the adjoint of the pre-activation of i_t" in report.conventions


def test_what_one_step_adds_to_a_parameter_has_a_line_of_its_own():
    lines = r"""$$\delta a_t = \delta h_t \odot (1 - h_t^2)$$ $$\delta U_t = \delta a_t h_{t-1}^T$$
    $$\delta U = \sum_t \delta U_t$$"""
    assert check_text(RNN + lines).verdict == "right"
    slipped = check_text(RNN + lines.replace(r"h_{t-1}^T", r"h_t^T"))
    assert [x.verdict for x in slipped.lines] == ["right", "wrong", "right"]


def test_a_derivative_by_a_later_value_is_nothing():
    line = r"$$\nabla_{h_t} L = \frac{\partial h_t}{\partial h_{t+1}}^T \nabla_{h_{t+1}} L + \nabla_{h_t} L_t$$"
    [wrong] = check_text(RNN + line).lines
    assert wrong.verdict == "wrong"


IN_ROWS = r"""
$$\frac{\partial L}{\partial a_t} = \frac{\partial L}{\partial h_t} \mathrm{diag}(1 - h_t^2)$$
$$\frac{\partial L}{\partial h_t} = \frac{\partial L}{\partial a_{t+1}} U + \frac{\partial L_t}{\partial h_t}$$
"""
TRANSPOSED = r"""
$$\frac{\partial L}{\partial W} = \sum_t x_t \frac{\partial L}{\partial a_t}$$
$$\frac{\partial L}{\partial U} = \sum_t h_{t-1} \frac{\partial L}{\partial a_t}$$
"""
AS_THEY_ARE = r"$$\frac{\partial L}{\partial U} = \sum_t {\frac{\partial L}{\partial a_t}}^\top h_{t-1}^\top$$"


def test_a_page_in_numerator_layout_is_read_as_one_and_says_so():
    assert "adjoints of columns are rows, those of matrices transposed" in conventions(IN_ROWS + TRANSPOSED)
    assert "adjoints of columns are rows (numerator" in conventions(IN_ROWS + AS_THEY_ARE)


@pytest.mark.parametrize(
    ("right", "slip", "named"),
    [
        (r"a_{t+1}} U", r"a_{t+1}} U^\top", "U is transposed and should not be"),
        (r"h_{t-1} \frac", r"h_t \frac", "h_t stands where h_{t-1} belongs"),
        (r"1 - h_t^2", r"1 - a_t^2", "a_t stands where h_t belongs"),
    ],
)
def test_a_slip_in_numerator_layout_is_named(right, slip, named):
    page = RNN + IN_ROWS + TRANSPOSED
    report = check_text(page.replace(right, slip))
    assert [(x.finding, x.line) for x in report.lines if x.verdict == "wrong"] == [(named, line_of(page, right))]


def line_of(page, text):
    return page[: page.index(text)].count("\n") + 1


def test_a_page_may_say_which_function_f_is():
    page = r"""$$h_t = f(W x_t + U h_{t-1}), \qquad f = \tanh$$
    $$\frac{\partial L}{\partial U} = \sum_t [\frac{\partial L}{\partial h_t} \odot (1 - h_t^2)] h_{t-1}^\top$$"""
    report = check_text(page)
    assert report.verdict == "right"
    assert not any("some function" in said for said in report.conventions)
    assert check_text(page.replace(r"f = \tanh", r"f = \sigma")).verdict == "wrong"


def test_half_of_a_sum_over_steps_is_a_loss():
    page = r"""$$h_t = \tanh(W x_t + U h_{t-1})$$ $$E = \frac{1}{2} \sum_t \|h_t - d_t\|^2$$
    $$\partial E / \partial h_t = (h_t - d_t) + U^\top (\partial E / \partial h_{t+1} \odot (1 - h_{t+1}^2))$$"""
    assert check_text(page).verdict == "right"
    assert check_text(page.replace("(h_t - d_t) +", "2 (h_t - d_t) +")).verdict == "wrong"


def test_an_activation_whose_argument_is_named_second_is_read():
    """i = σ(W x) = σ(î), as one well-known page of an LSTM writes it."""
    page = r"""$$i_t = \sigma(W x_t + U h_{t-1}) = \sigma(\hat i_t)$$ $$h_t = i_t \odot x_t$$
    $$\delta \hat i_t = \delta i_t \odot i_t \odot (1 - i_t)$$ $$\delta i_t = \delta h_t \odot x_t$$"""
    assert check_text(page).verdict == "right"
    assert check_text(page.replace("(1 - i_t)", r"(1 - \hat i_t)")).verdict == "wrong"


def test_a_correction_with_two_accents_can_be_read_again():
    page = r"""$$\tilde h_t = \tanh(W x_t + U h_{t-1})$$ $$h_t = \tilde h_t \odot x_t$$
    $$\bar U = \sum_t (\bar{\tilde h}_t \odot (1 - \tilde h_t^2)) h_t^\top$$"""
    (line,) = check_text(page).lines
    assert r"\bar{\tilde h}_t" in line.corrected
    assert check_text(page[: page.index(r"$$\bar U")] + f"$${line.corrected}$$").verdict == "right"


ATTENTION = r"""
$$h_t = \tanh(W x_t + U h_{t-1})$$
$$e_t = v^\top h_t$$
$$\alpha_t = \frac{\exp(e_t)}{\sum_{k=1}^{T} \exp(e_k)}$$
$$c = \sum_t \alpha_t h_t$$
$$\bar \alpha_t = \bar c^\top h_t$$
$$\bar e_t = \alpha_t \left( \bar \alpha_t - \sum_k \alpha_k \bar \alpha_k \right)$$
$$\bar v = \sum_t \bar e_t h_t$$
"""


def test_a_sum_over_the_steps_of_a_page_may_have_a_letter_of_its_own():
    report = check_text(ATTENTION)
    assert report.verdict == "right", [(x.source, x.finding) for x in report.lines]
    assert report.shapes["v"] == "H"
    assert "the loss reads c" in report.conventions


@pytest.mark.parametrize(
    ("right", "slip", "finding"),
    [
        (r"- \sum_k \alpha_k \bar \alpha_k", r"+ \sum_k \alpha_k \bar \alpha_k", "the sign of "),
        (r"= \alpha_t \left(", r"= \left(", r"the factor \alpha_t is missing"),
        (r"\bar v = \sum_t \bar e_t h_t", r"\bar v = \sum_t \bar e_t h_{t-1}", "h_{t-1} stands where h_t belongs"),
    ],
)
def test_a_slip_beside_a_sum_over_all_steps_is_named(right, slip, finding):
    assert right in ATTENTION
    [wrong] = [x for x in check_text(ATTENTION.replace(right, slip)).lines if x.verdict != "right"]
    assert wrong.verdict == "wrong"
    assert finding in wrong.finding


def test_the_softmax_of_a_score_is_one_over_the_steps():
    softmax = re.sub(r"\\frac.*(?=\$\$)", lambda _: r"\mathrm{softmax}(e_t)", ATTENTION, count=1)
    assert r"\mathrm{softmax}(e_t)" in softmax
    report = check_text(softmax)
    assert report.verdict == "right"
    assert "the softmax of a number is over the steps" in report.conventions


def test_a_small_letter_is_a_column_unless_the_page_writes_matrices_so():
    page = r"""$$h_t = \tanh(%s x_t + U h_{t-1})$$ $$y_t = v^\top h_t$$
        $$\delta h_t = v \delta y_t + U^\top (\delta h_{t+1} \odot (1 - h_{t+1}^2))$$"""
    assert check_text(page % "W").shapes["v"] == "H"
    assert check_text(page % "w").shapes["v"] == "H×K"


def test_a_sum_over_steps_that_its_own_steps_read_is_refused_with_its_line():
    page = r"""$$h_t = \tanh(W x_t + U h_{t-1} + V c_{t-1})$$ $$c_t = \sum_k h_k$$ $$\delta c_t = V^T \delta h_t$$"""
    with pytest.raises(BadInput, match="line 1: it reads c, which is a sum over steps that are yet to come"):
        check_text(page)


def test_a_product_over_steps_is_refused_with_what_is_read():
    page = r"""$$h_t = \tanh(W x_t + U h_{t-1})$$
        $$\frac{\partial h_t}{\partial h_k} = \prod_{j=k+1}^t \frac{\partial h_j}{\partial h_{j-1}}$$
        $$\frac{\partial h_t}{\partial h_{t-1}} = \mathrm{diag}(1 - h_t^2) U$$"""
    product, step = check_text(page).lines
    assert (product.verdict, step.verdict) == ("unchecked", "right")
    assert "a product over steps is not read: the recursion that it solves is" in product.finding


def test_a_wrong_argument_of_a_relu_slope_is_seen_though_most_units_are_dead():
    """On the first random numbers, both arguments have one sign in every unit at every step."""
    text = (Path(__file__).parent / "pages" / "indrnn.md").read_text()
    slipped = text.replace(r"\mathrm{relu}'(W x_t + u", r"\mathrm{relu}'(W x_{t-1} + u")
    assert [x.finding for x in check_text(slipped).lines if x.verdict == "wrong"] == [
        "x_{t-1} stands where x_t belongs"
    ]


def test_a_time_that_a_sum_reads_before_the_first_step_is_named():
    page = r"""$$a_t = W x_t + U h_{t-1}$$ $$h_t = \tanh(a_t)$$
        $$\frac{\partial L}{\partial U} = \sum_t
          \left((1 - \tanh^2(a_{t-1})) \odot \frac{\partial L}{\partial h_t}\right) h_{t-1}^\top$$"""
    wrong = [x for x in check_text(page).lines if x.verdict == "wrong"]
    assert [x.finding for x in wrong] == ["a_{t-1} stands where a_t belongs"]


def test_links_of_a_chain_that_do_not_meet_are_named():
    text = (Path(__file__).parent / "pages" / "jacobian_lstm.md").read_text()
    link = r"\frac{\partial L}{\partial c_{t+1}} \cdot \frac{\partial c_{t+1}}{\partial c_t}"
    assert link in text
    [wrong] = [
        x
        for x in check_text(text.replace(link, link.replace("c_{t+1}} \\cdot", "c_t} \\cdot"))).lines
        if x.verdict != "right"
    ]
    assert (wrong.verdict, wrong.finding.split(" stands")[0]) == ("wrong", r"\frac{\partial L}{\partial c_t}")


def test_the_direct_part_of_a_correction_has_the_pages_letter_for_the_loss_of_a_step():
    text = (Path(__file__).parent / "pages" / "graves_lstm.tex").read_text()
    direct = r"\frac{\partial O_t}{\partial b_c^t} + "
    assert direct in text
    [wrong] = [x for x in check_text(text.replace(direct, ""), is_tex=True).lines if x.verdict == "wrong"]
    assert r"\frac{\partial O_t}{\partial b_c^t}" in wrong.corrected


def test_one_over_the_number_of_steps_is_no_parameter():
    report = check_text((Path(__file__).parent / "pages" / "mean_pool.md").read_text())
    assert report.verdict == "right"
    assert "T" not in report.shapes


def test_what_the_last_state_alone_makes_is_one_for_all_steps():
    text = (Path(__file__).parent / "pages" / "many_to_one.md").read_text()
    slipped = text.replace(r"= V^\top (\hat y - y)", r"= V (\hat y - y)")
    [wrong] = [x for x in check_text(slipped).lines if x.verdict == "wrong"]
    assert wrong.finding == "V should be transposed"
    assert wrong.corrected == r"\frac{\partial L}{\partial h_T} = V^\top (\hat y - y)"


def test_a_page_on_one_unit_has_numbers_alone():
    text = (Path(__file__).parent / "pages" / "one_unit.md").read_text()
    report = check_text(text)
    assert (report.verdict, set(report.shapes.values())) == ("right", {"1"})
    [wrong] = [
        x for x in check_text(text.replace("s_{t-1}$$\n$$\\frac", "s_t$$\n$$\\frac")).lines if x.verdict == "wrong"
    ]
    assert wrong.finding == "s_t stands where s_{t-1} belongs"


def test_a_page_in_matrices_without_a_transpose_is_no_page_on_one_unit():
    text = (Path(__file__).parent / "pages" / "one_unit.md").read_text().replace("w", "W")
    assert check_text(text).verdict == "wrong"


def test_a_report_is_the_same_whatever_was_checked_before():
    """Truths are kept from check to check: pages of one forward pass ask different things of them."""
    adjoint = lambda v: rf"\frac{{\partial L}}{{\partial {v}}}"  # noqa: E731
    loss = r"$$L_t = \frac{1}{2} \| h_t - y_t \|^2$$"
    of_w = rf"$${adjoint('W')} = \sum_t ({adjoint('h_t')} \odot (1 - h_t^2)) x_t^\top$$"
    of_step = r"\frac{\partial L_t}{\partial a_t}"
    backward = {
        "": of_w,
        "contribution": rf"$${adjoint('W_t')} = ({adjoint('h_t')} \odot (1 - h_t^2)) x_t^\top$$",
        "δ of a": rf"$$\delta_t = {adjoint('h_t')} \odot (1 - h_t^2)$$ $${adjoint('W')} = \sum_t \delta_t x_t^\top$$",
        "δ of h": rf"$$\delta_t = {adjoint('h_t')} + 0$$"
        rf"$${adjoint('W')} = \sum_t (\delta_t \odot (1 - h_t^2)) x_t^\top$$",
        "loss": loss + of_w,
        "loss of a step": loss + rf"$${adjoint('a_t')} = {of_step} + (U^\top {adjoint('a_{t+1}')}) \odot (1 - h_t^2)$$",
    }
    kept_truths.clear()
    reports = {name: replace(check_text(RNN + lines), seconds=0) for name, lines in backward.items()}
    assert {r.verdict for r in reports.values()} == {"right"}
    for name, lines in backward.items():
        kept_truths.clear()
        assert replace(check_text(RNN + lines), seconds=0) == reports[name], name
