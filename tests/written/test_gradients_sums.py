"""Several lines that add to one quantity: a slip is named at the line whose edit makes the sum right."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstm_ref.written import check_text

PAGES = Path(__file__).parent / "pages"
FORWARD = r"""
$$z_t = \sigma(W_z x_t + U_z h_{t-1})$$
$$g_t = \tanh(W_g x_t + U_g h_{t-1})$$
$$h_t = z_t \odot h_{t-1} + (1 - z_t) \odot g_t$$
"""
FIRST = r"\delta h_{t-1} = \delta h_t \odot z_t + U_z^\top (\delta z_t \odot z_t \odot (1 - z_t))"
SECOND = r"\delta h_{t-1} += U_g^\top (\delta g_t \odot (1 - g_t^2))"


def judged(first=FIRST, second=SECOND):
    """The verdicts on the two lines of a sum, and the report of the wrong one."""
    gates = [r"\delta z_t = \delta h_t \odot (h_{t-1} - g_t)", r"\delta g_t = \delta h_t \odot (1 - z_t)"]
    report = check_text(FORWARD + "\n".join(f"$${line}$$" for line in [*gates, first, second]))
    assert len(report.lines) == 4
    assert [x.verdict for x in report.lines[:2]] == ["right", "right"]
    lines = report.lines[2:]
    return [x.verdict for x in lines], next((x for x in lines if x.verdict == "wrong"), None)


def test_both_lines_of_a_right_sum_are_right():
    assert judged() == (["right", "right"], None)


def test_a_slip_in_the_second_line_is_named_there():
    verdicts, wrong = judged(second=SECOND.replace("g_t^2", "g_t"))
    assert verdicts == ["right", "wrong"]
    assert wrong.finding == "1 - g_t stands where 1 - g_t^2 belongs"
    assert wrong.corrected == r"\delta h_{t-1} \mathrel{+}= U_g^\top (\delta g_t \odot (1 - g_t^2))"


def test_a_slip_in_the_first_line_is_named_there():
    verdicts, wrong = judged(first=FIRST.replace(r"U_z^\top", "U_z"))
    assert verdicts == ["wrong", "right"]
    assert wrong.finding == "U_z should be transposed"


def test_where_either_line_may_be_the_wrong_one_both_are_said():
    verdicts, wrong = judged(second=SECOND + r" + \delta h_t \odot z_t")
    assert verdicts == ["unchecked", "wrong"]
    term = r"the term \delta h_t \odot z_t is too many"
    assert wrong.finding.startswith(f"{term}; or, in line ")
    assert wrong.finding.endswith(term)


def test_slips_in_both_lines_leave_the_sum_wrong_and_no_line_blamed_alone():
    verdicts, wrong = judged(FIRST.replace(r"U_z^\top", "U_z"), SECOND.replace("g_t^2", "g_t"))
    assert verdicts == ["unchecked", "wrong"]
    assert wrong.finding.startswith("the sum of lines ")


@pytest.mark.parametrize("line", [r"(\bar b_t \odot (1 - b_t^2)) a_t", r"(\bar a_t \odot (1 - a_t^2)) h_{t-1}"])
def test_a_slip_in_one_of_two_contributions_to_a_parameter_is_named_there(line):
    text = (PAGES / "shared_weights.md").read_text()
    assert line in text
    slipped = text.replace(line, line.replace("(1 - ", "(1 + "))
    [wrong] = [x for x in check_text(slipped).lines if x.verdict == "wrong"]
    assert line.replace("(1 - ", "(1 + ") in wrong.source
    assert "the sign of" in wrong.finding


def test_a_sign_that_may_be_wrong_where_a_symbol_is_read_or_where_it_is_said_is_named_at_both():
    text = (PAGES / "program_lstm.md").read_text()
    slipped = text.replace(r"+ \delta C_\text{next}", r"- \delta C_\text{next}")
    [wrong] = [x for x in check_text(slipped).lines if x.verdict == "wrong"]
    assert wrong.source.startswith(r"\delta C_t =")
    assert wrong.finding == r"the sign of \delta C_{next} is wrong; or, in line 13, the sign is wrong"


@pytest.mark.parametrize("sign", ["=", r"\leftarrow"])
def test_a_quantity_that_is_itself_and_more_is_added_to(sign):
    more = SECOND.replace("+=", sign + r" \delta h_{t-1} +")
    assert judged(second=more) == (["right", "right"], None)
    verdicts, wrong = judged(second=more.replace("g_t^2", "g_t"))
    assert verdicts == ["right", "wrong"]
    assert wrong.corrected == r"\delta h_{t-1} \mathrel{+}= U_g^\top (\delta g_t \odot (1 - g_t^2))"


CELL = r"""
$$c_t = f_t \odot c_{t-1} + x_t$$
$$h_t = o_t \odot \tanh(c_t)$$
$$do_t = \tanh(c_t) \odot dh_t$$
$$df_t = c_{t-1} \odot dc_t$$
"""


@pytest.mark.parametrize(("slope", "verdict"), [(r"1 - \tanh^2(c_t)", "right"), (r"1 - \tanh(c_t)", "wrong")])
def test_where_both_lines_add_to_one_quantity_at_two_steps_neither_is_passed_over(slope, verdict):
    first = rf"$$dc_t \mathrel{{+}}= o_t \odot ({slope}) \odot dh_t$$" + "\n"
    report = check_text(CELL + first + r"$$dc_{t-1} \mathrel{+}= f_t \odot dc_t$$")
    assert [x.verdict for x in report.lines] == ["right", "right", verdict, "right"]


@pytest.mark.parametrize(("step", "after"), [("t", "t+1"), ("t-1", "t")])
@pytest.mark.parametrize("mark", [r"\delta_{?}", r"\delta_{h,?}"])
def test_what_one_steps_loss_adds_to_a_delta_is_not_the_whole_adjoint(mark, step, after):
    delta, later_delta = mark.replace("?", step), mark.replace("?", after)
    forward = r"$$h_t = \tanh(W x_t + U h_{t-1})$$"
    local = rf"\frac{{\partial L_{{{step}}}}}{{\partial h_{{{step}}}}}"
    later = rf"U^\top ({later_delta} \odot (1 - h_{{{after}}}^2))"
    assert check_text(forward + f"$${delta} = {local} + {later}$$").verdict == "right"
    assert check_text(forward + f"$${delta} = {local} - {later}$$").verdict != "right"
