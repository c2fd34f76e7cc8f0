"""The published derivations of derivations/papers.md: each verdict of its table comes from `lstm-ref check`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstm_ref.written import check_file, check_text

FOLDER = Path(__file__).parents[2] / "derivations" / "papers"
PAGE = FOLDER.with_suffix(".md").read_text()
ROW = re.compile(r"^\| [^|]+ \| \[(\w+)\.md\]\(papers/\1\.md\) \| (\d+) \| ([^|]*)\| ([^|]*)\|$", re.M)
ROWS = {
    name: (int(lines), *(set(re.findall(r"\(([^)]+)\)", tags)) for tags in cells))
    for name, lines, *cells in ROW.findall(PAGE)
}


@pytest.fixture(scope="module")
def reports():
    return {path.stem: check_file(path) for path in sorted(FOLDER.glob("*.md"))}


def test_the_table_has_every_file_and_at_least_twelve_sources(reports):
    assert set(ROWS) == set(reports)
    assert len(ROWS) >= 12


@pytest.mark.parametrize("name", ROWS)
def test_a_published_derivation_is_judged_as_the_table_says(reports, name):
    lines, wrong, unchecked = ROWS[name]
    report = reports[name]
    tags = lambda verdict: {line.tag for line in report.lines if line.verdict == verdict}  # noqa: E731
    assert (len(report.lines), tags("wrong"), tags("unchecked")) == (lines, wrong, unchecked)


FINDINGS = {
    ("hanbingtao_lstm", "3.4"): r"the term \frac{\partial E}{\partial \mathbf{c}_{t+1}} \circ \mathbf{f}_{t+1} ",
    ("trujello_lstm", "3"): r"the term \zeta^{t+1} \odot b^{\phi,t+1} is missing",
    ("mallya", "7"): r"a^t stands where \hat a^t belongs",
    ("jaketae", "6"): r"\sigma(o_t) stands where o_t belongs, which is activated already",
    ("jaketae", "8"): "the factors stand in the wrong order",
    ("pinard_rnn", "4"): "the factors stand in the wrong order",
    ("coursera", "9"): r"the factor \Gamma_{u,t} * (1 - \Gamma_{u,t}) is missing",
    ("fichou_lstm", "8"): "a sum belongs where a product stands",
    ("fichou_lstm", "23"): "W_f stands where U_f belongs",
    ("fichou_lstm", "22"): r"\delta_{16} stands where \delta_{15,t} belongs",
    ("hochreiter", "20"): r"\frac{\partial E}{\partial n(t)} stands where \frac{\partial E}{\partial n(t+1)} belongs",
    ("hochreiter", "21"): r"\frac{\partial E}{\partial n(t)} stands where \frac{\partial E}{\partial n(t+1)} belongs",
    ("learning_lstm", "4"): r"\epsilon^t stands where \zeta^t belongs",
    ("learning_lstm", "6"): "a^{t-1} stands where a^t belongs",
    ("intro_lstm", "3"): r"\delta^{\omega,t} stands where \delta^{\omega,t+1} belongs",
    ("gates_notes", "3"): r"the term \delta^{\iota,t+1} \odot p^{\iota} is missing",
    ("geeksforgeeks", "2"): r"the term \frac{\partial E}{\partial c_{t+1}} * f_{t+1} is missing",
    ("vanishing_notes", "1"): "the factor o_t is missing",
    ("fichou_gru", "9"): r"the term \delta_8 is too many; the term -\delta_{3,t} * h_{t-1} is missing",
}


@pytest.mark.parametrize(("name", "tag"), FINDINGS)
def test_what_is_wrong_in_print_is_named(reports, name, tag):
    [line] = [line for line in reports[name].lines if line.tag == tag]
    assert FINDINGS[name, tag] in line.finding


REPAIRS = {
    "mallya": [(r"(1-\tanh^2(a^t))", r"(1-(a^t)^2)"), ("(X^t)^T", "(I^t)^T")],
    "goodfellow": [
        (r"\frac{\partial h^{(t)}}{\partial h^{(t+1)}}", r"\frac{\partial h^{(t+1)}}{\partial h^{(t)}}"),
        (
            r"(\nabla_{h^{(t+1)}}L) \, \mathrm{diag}\left( 1- (h^{(t+1)})^2\right)",
            r"\mathrm{diag}\left( 1- (h^{(t+1)})^2\right) (\nabla_{h^{(t+1)}}L)",
        ),
    ],
    "hanbingtao_lstm": [
        (
            r"\delta_t^T\circ\mathbf{o}_t\circ(1-\tanh(\mathbf{c}_t)^2)",
            r"(\delta_t\circ\mathbf{o}_t\circ(1-\tanh(\mathbf{c}_t)^2)"
            r" + \frac{\partial{E}}{\partial{\mathbf{c}_{t+1}}} \circ \mathbf{f}_{t+1})^T",
        )
    ],
    "trujello_lstm": [(r"\epsilon_c^{t} \tag{3}", r"\epsilon_c^{t} + b_c^{\phi,t+1} \zeta_c^{t+1} \tag{3}")],
    "fichou_lstm": [
        (r"\delta_7 \cdot \delta_4", r"\delta_7 + \delta_4"),
        (r"\delta_{16} * W_i^T", r"\delta_{15} * W_i^T"),
        (r"\delta_{16} * W_f^T \tag{23}", r"\delta_{16} * U_f^T \tag{23}"),
    ],
    "hochreiter": [("b_j(t-1)", "b_j(t)"), (r"\eta_i(t-1)", r"\eta_i(t)")],
    "intro_lstm": [(r"p^\omega_c s_c^{t-1}", r"p^\omega_c s_c^{t}")],
    "geeksforgeeks": [
        (r"\delta * o * (1 - \tanh^2(c_t))", r"\frac{\partial E}{\partial c_t}"),
        (
            r"\frac{\partial E}{\partial c_t} = \frac{\partial E}{\partial c_t}",
            r"\frac{\partial E}{\partial c_t} = \delta * o * (1 - \tanh^2(c_t))"
            r" + \frac{\partial E}{\partial c_{t+1}} * f_{t+1}",
        ),
        (r"* f \tag{6}", r"* f + \delta_{t-1} * o_{t-1} * (1 - \tanh^2(c_{t-1})) \tag{6}"),
        (r"{\partial b_o} = \frac{\partial E}{\partial c_t}", r"{\partial b_f} = \frac{\partial E}{\partial c_t}"),
    ],
    "csdn_lstm": [
        (
            r"\delta o_t^T W_{xo} \sigma'(n^o_t) + \delta i_t^T W_{xi} \sigma'(n^i_t)"
            r" + \delta \tilde C_t^T W_{xc} \tanh'(n^c_t) + \delta f_t^T W_{xf} \sigma'(n^f_t)",
            r"W_{xo}^T (\sigma'(n^o_t) \odot \delta o_t) + W_{xi}^T (\sigma'(n^i_t) \odot \delta i_t)"
            r" + W_{xc}^T (\tanh'(n^c_t) \odot \delta \tilde C_t) + W_{xf}^T (\sigma'(n^f_t) \odot \delta f_t)",
        )
    ],
    "jaketae": [
        (r"{h_t}^\top (\hat{y}_t - y_t)", r"(\hat{y}_t - y_t) {h_t}^\top"),
        (r"\sigma(o_t) (1 - \sigma(o_t))", "o_t (1 - o_t)"),
        (r"[h_{t - 1}, x_t]^\top \frac{dL}{d a_{o,t}}", r"\frac{dL}{d a_{o,t}} [h_{t - 1}, x_t]^\top"),
    ],
}


@pytest.mark.parametrize("name", REPAIRS)
def test_with_the_reason_repaired_the_derivation_is_right(name):
    text = (FOLDER / f"{name}.md").read_text()
    for wrong, right in REPAIRS[name]:
        assert wrong in text
        text = text.replace(wrong, right)
    report = check_text(text)
    assert report.verdict == "right", [(x.tag, x.finding) for x in report.lines if x.verdict != "right"]


def test_a_matrix_with_indices_may_be_called_d():
    """`d_{ju} x_u` is an element of d times one of x, and dx no adjoint there: right lines were called wrong."""
    text = (FOLDER / "hochreiter.md").read_text()
    report = check_text(text.replace(r"\sum_u c_{ju}", r"\sum_u d_{ju}"))
    assert {line.tag for line in report.lines if line.verdict == "wrong"} == {"20", "21"}
    assert len(report.lines) == 5
