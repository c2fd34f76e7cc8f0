"""LaTeX to terms: what binds how, and errors with line, column and what was expected."""

from __future__ import annotations

import pytest

from lstm_ref.errors import BadInput
from lstm_ref.written import check_text
from lstm_ref.written.page import pieces
from lstm_ref.written.parser import parse, step_letter
from lstm_ref.written.terms import Adj, Apply, Dot, Fn, Had, Jacobian, Name, Outer, Stack, SumT, Sym, Time, Transpose


def right_side(latex):
    [piece] = pieces(f"$$y = {latex}$$", is_tex=False)
    return parse(piece).sides[1]


def sym(letter, offset=None, below=""):
    return Sym(Name(letter, below=below), None if offset is None else Time("t", offset))


@pytest.mark.parametrize(
    "latex, term",
    [
        (r"h_{t-1}", sym("h", -1)),
        (r"h^{(t-1)}", sym("h", -1)),
        (r"h(t-1)", sym("h", -1)),
        (r"h^{\langle t+1 \rangle}", sym("h", 1)),
        (r"\mathbf{W}_{xi}", sym("W", below="xi")),
        (r"W x_t", Dot((sym("W"), sym("x", 0)))),
        (r"W^\top x_t \odot i_t", Had((Dot((Transpose(sym("W")), sym("x", 0))), sym("i", 0)))),
        (r"a_t \odot b_t \otimes x_t", Outer(Had((sym("a", 0), sym("b", 0))), sym("x", 0))),
        (r"\langle a_t, x_t \rangle", None),
        (r"\tanh c_t", Apply(Fn("tanh"), sym("c", 0))),
        (r"\sigma'(a_t)", Apply(Fn("sigmoid", 1), sym("a", 0))),
        (r"\operatorname{softmax}(z_t)", Apply(Fn("softmax"), sym("z", 0))),
        (r"[h_{t-1}; x_t]", Stack(((sym("h", -1),), (sym("x", 0),)))),
        (r"{h_{t-1}}^T", Transpose(sym("h", -1))),
        (r"\sum_{t=1}^{T-1} x_t", SumT(sym("x", 0), Time("", 1), Time("T", -1))),
        (r"\frac{\partial L}{\partial c_t}", Jacobian(sym("L"), sym("c", 0))),
        (r"\partial L / \partial c_t", Jacobian(sym("L"), sym("c", 0))),
        (r"dL / dc_t", Jacobian(sym("L"), sym("c", 0))),
        (r"\frac{dL}{dc_t}", Jacobian(sym("L"), sym("c", 0))),
        (r"\nabla_{c_t} L", Jacobian(sym("L"), sym("c", 0))),
    ],
)
def test_notation_is_read(latex, term):
    found = right_side(latex)
    assert term is None or found == term


def test_how_an_adjoint_is_written_does_not_make_it_another():
    assert Adj(sym("c", 0), "bar") == Adj(sym("c", 0), "frac")


@pytest.mark.parametrize(
    "latex, message",
    [
        (r"h_t = \tanh(W x_t + U h_{t-1}", r"line 3, column 32: expected \), got the end of the equation"),
        (r"h_t = W x_t + + b", r"line 3, column 17: expected a symbol.*got '\+'"),
        (r"h_t = \foo(x_t)", r"line 3, column 9: .*\\\\foo.*is not a command that is known here"),
        (r"h_t = \sin(x_t)", r"line 3, column 3: expected a function of .*, got \\sin"),
        (r"h_t = W^{-1} x_t", r"line 3, column 3: an inverse"),
        (
            r"h_t = \sum_j W x_t",
            r"line 3, column 3: expected a matrix and a vector, or two vectors, below the sum over j",
        ),
        (r"h_t = \mathrm{conv}(x_t)", r"line 3, column 3: expected a function of .*, got \\mathrm\{conv\}"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_place_and_remedy(latex, message):
    with pytest.raises(BadInput, match=message) as error:
        check_text(f"# A page\n\n$${latex}$$\n")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "# Words alone\n", "Inline $h_t = x_t$ alone.\n", "```\n$$h = x$$\n```\n"])
def test_a_page_without_equations_is_refused(text):
    with pytest.raises(BadInput, match=r"no (equation|forward pass|displayed equation) was found"):
        check_text(text)


def test_rows_of_an_align_are_equations_and_a_row_without_one_continues():
    text = "\\begin{align}\na &= b \\\\\n &\\quad + c \\\\\nd &= e & f &= g % h = i\n\\end{align}"
    assert [" ".join(p.source.split()) for p in pieces(text, is_tex=True)] == ["a = b + c", "d = e", "f = g"]


@pytest.mark.parametrize(
    "text",
    [
        "```math\na = b\n```\n\nand\n\n```math\nc = d \\\\\ne = f\n```\n",
        "- so\n  ``` math\n  a = b\n  ```\n~~~math\nc = d\n~~~\n````math\ne = f\n````\n",
        "```python\nx = y\n```\n```math\na = b\n```\n`z = 1` and $$c = d$$\n```\nu = v\n```\n```math\ne = f\n```\n",
        "<!--\n```math\nx = y\n```\n-->\n```math\na = b\n```\n$$c = d$$ $$e = f$$\n```mathematica\nu = v\n```\n",
    ],
    ids=["two", "ways to mark one", "beside code", "beside a comment"],
)
def test_math_fences_are_displays_and_other_fences_are_code(text):
    found = pieces(text, is_tex=False)
    assert [p.source for p in found] == ["a = b", "c = d", "e = f"]
    assert [text[p.start : p.end] for p in found] == ["a = b", "c = d", "e = f"]


def test_tags_belong_to_their_row():
    text = "\\begin{align}\na &= b \\tag{1} \\\\\nc &= d \\tag{2}\n\\end{align}"
    assert [p.tag for p in pieces(text, is_tex=True)] == ["1", "2"]


@pytest.mark.parametrize(
    "text, letter", [("h_{t-1}", "t"), ("h_{k-1} + h^{(k+1)}", "k"), (r"h_{\tau-1}", r"\tau"), ("h", "t")]
)
def test_the_letter_of_time_is_seen(text, letter):
    assert step_letter(text) == letter
