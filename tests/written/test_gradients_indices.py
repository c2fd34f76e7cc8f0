"""Index notation, as Graves and Werbos write it, is read as matrices and vectors, or refused; never guessed."""

from __future__ import annotations

import pytest

from lstm_ref.written import check_text

FORWARD = r"""
$$a_j^t = \sum_i W_{ji} x_i^t + \sum_k U_{jk} h_k^{t-1} + b_j$$
$$h_j^t = \tanh(a_j^t)$$
$$y_k^t = \sum_j V_{kj} h_j^t$$
"""
BACKWARD = r"""
$$\delta_j^t = (1-(h_j^t)^2) \left( \sum_k V_{kj} \frac{\partial L}{\partial y_k^t}
  + \sum_k U_{kj} \delta_k^{t+1} \right)$$
$$\frac{\partial L}{\partial W_{ji}} = \sum_t \delta_j^t x_i^t$$
$$\frac{\partial L}{\partial U_{jk}} = \sum_t \delta_j^t h_k^{t-1}$$
$$\frac{\partial L}{\partial b_j} = \sum_t \delta_j^t$$
$$\frac{\partial L}{\partial x_i^t} = \sum_j W_{ji} \delta_j^t$$
"""


def test_a_derivation_in_indices_is_right_with_the_shapes_of_its_matrices():
    report = check_text(FORWARD + BACKWARD)
    assert report.verdict == "right", [(x.source, x.finding) for x in report.lines]
    assert len(report.lines) == 5
    assert report.shapes == {"W": "H×D", "U": "H×H", "b": "H", "V": "K×H", "x": "D", "h": "H"}
    assert any("indices are those of vectors and matrices" in said for said in report.conventions)


@pytest.mark.parametrize(
    ("right", "slip", "finding"),
    [
        (r"U_{kj} \delta_k^{t+1}", r"U_{jk} \delta_k^{t+1}", "U should be transposed"),
        (r"\delta_j^t h_k^{t-1}", r"\delta_j^t h_k^{t}", "h^t stands where h^{t-1} belongs"),
        (r"+ \sum_k U_{kj} \delta_k^{t+1}", "", r"the term U^\top \delta^{t+1} \odot (1 - {h^t}^2) is missing"),
        (r"(1-(h_j^t)^2)", r"(1-(a_j^t)^2)", "a^t stands where h^t belongs"),
        (r"= \sum_j W_{ji} \delta_j^t", r"= -\sum_j W_{ji} \delta_j^t", "the sign is wrong"),
    ],
)
def test_a_slip_in_indices_is_named_at_its_line(right, slip, finding):
    assert right in BACKWARD
    wrong = [line for line in check_text(FORWARD + BACKWARD.replace(right, slip)).lines if line.verdict != "right"]
    assert [(line.verdict, line.finding) for line in wrong] == [("wrong", finding)]


@pytest.mark.parametrize(
    ("right", "other", "reason"),
    [
        (r"\sum_j W_{ji} \delta_j^t", r"W_{ji} \delta_j^t", "a product of what has the indices j,i and j"),
        (r"\sum_t \delta_j^t x_i^t", r"\sum_t \delta_j^t x_k^t", "the index i, k stands on one side alone"),
        (r"\sum_k U_{kj} \delta_k^{t+1}", r"\sum_k U_{kj}", "expected a matrix and a vector, or two vectors"),
        (r"W_{ji} \delta_j^t", r"W^\top_{ij} \delta_j^t", "a transpose, or a prime, beside indices is not read"),
    ],
)
def test_what_has_no_form_in_matrices_is_refused_with_its_line_and_reason(right, other, reason):
    report = check_text(FORWARD + BACKWARD.replace(right, other))
    unread = [line for line in report.lines if line.verdict != "right"]
    assert [line.verdict for line in unread] == ["unchecked"]
    assert reason in unread[0].finding


def test_letters_of_several_ranges_are_told_apart_by_their_index():
    report = check_text(
        r"""$$a_h^t = \sum_i w_{ih} x_i^t + \sum_{h'} w_{h'h} b_{h'}^{t-1}$$
        $$b_h^t = \sigma(a_h^t)$$ $$a_k^t = \sum_h w_{hk} b_h^t$$
        $$\delta_h^t = \sigma'(a_h^t) (\sum_k w_{hk} \delta_k^t + \sum_{h'} w_{hh'} \delta_{h'}^{t+1})$$
        $$\frac{\partial L}{\partial w_{h'h}} = \sum_t \delta_h^t b_{h'}^{t-1}$$"""
    )
    assert [line.verdict for line in report.lines] == ["right", "right"]
    assert {"w_{ih}": "D×H", "w_{hh}": "H×H", "w_{hk}": "H×K"}.items() <= report.shapes.items()


def test_a_sum_of_two_vectors_is_their_inner_product():
    forward = r"$$g^t = \sigma(\sum_c v_c s_c^{t-1})$$ $$s_c^t = g^t s_c^{t-1} + x_c^t$$"
    line = r"$$\frac{\partial L}{\partial g^t} = \sum_c s_c^{t-1} \frac{\partial L}{\partial s_c^t}$$"
    assert check_text(forward + line).verdict == "right"
    assert check_text(forward + line.replace("= ", "= -")).verdict == "wrong"
