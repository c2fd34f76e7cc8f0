"""The terminal's report: errors come first, limits are shown, and a user's text is never interpreted as markup."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from lstm_ref.errors import shown
from lstm_ref.reporting import words
from lstm_ref.reporting.terminal import as_text, console, render, summary


def test_the_mistake_comes_first_with_its_place_and_both_terms(wrong):
    lines = as_text(wrong).splitlines()
    assert lines[0].startswith("cubes: wrong  (7 elements, ")
    assert lines[1:5] == [
        "The mistake: the term next_c_bar is missing from c_bar (L4*)",
        r"  derived  \bar c = \bar c^{\,next} + \bar u \odot (1 - u \odot u)",
        r"  found    \bar c = \bar u \odot (1 - u \odot u)",
        "  see      lstm-ref show 'L4*'",
    ]
    assert lines[5] == "A hint: right for one time step, wrong from two on"


def test_what_is_inherited_is_said_in_runs_of_steps(wrong):
    assert words.first_wrong(wrong).endswith("; inherited from it: h[1, 0], c[1, 0]")
    longer = replace(wrong, inherited=("h[4]", "c[4]", "h[3]", "h[2]", "c[1]"))
    assert words.first_wrong(longer).endswith("; inherited from it: h[4..2], c[4, 1]")


def test_a_right_report_gives_the_detection_limit_of_every_input_in_floats_and_in_balls(right):
    w = next(line for line in as_text(right).splitlines() if line.startswith("w "))
    one = right.inputs[0]
    assert w.split()[-2:] == [f"{one.limit_in_floats:.0e},", f"{one.limit_in_balls:.0e}"]
    assert "limit: a larger error in any single element would have been found, in float64 and in balls" in " ".join(
        as_text(right).split()
    )


def test_limits_that_there_are_none_of_are_said(right):
    floats = replace(right.inputs[0], limit_in_balls=None, dtype="float32")
    assert words.limit(floats).endswith(" in float32")
    assert words.limit(replace(floats, limit_in_floats=math.inf)) == "none"
    assert "in balls" not in as_text(replace(right, inputs=(floats,))).split("limit: ")[1]


def test_what_was_not_decided_is_said(wrong):
    shown = as_text(wrong)
    assert "not decided here: whether the mask is handled: every length is T" in shown
    assert "truly zero here: w (1 of 6): the check cannot see a term that is missing there" in shown
    assert "unchecked: x (no gradient is claimed)" in shown
    assert "conformance: the forward is lstm, to all digits" in shown


def test_oracles_with_one_reason_are_named_in_one_line(right):
    told = as_text(replace(right, skipped=(("reverse", "NumPy"), ("torch", "no tensors"), ("forward", "NumPy"))))
    assert [line for line in told.splitlines() if "oracles not used" in line] == [
        "oracles not used: reverse, forward: NumPy",
        "oracles not used: torch: no tensors",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_users_words_are_shown_as_they_are(hostile, markup, width):
    shown = "".join(as_text(hostile, width).split())
    for text in markup:
        assert "".join(text.split()) in shown


@pytest.mark.parametrize("verdict", ["exact gradient", "wrong"])
def test_the_table_of_five_oracles_fits_eighty_columns(right, verdict):
    names = ("balls", "complex", "reverse", "forward", "differences")
    oracles = tuple(replace(right.inputs[0].oracles[0], oracle=name) for name in names)
    one = replace(right.inputs[0], name="recurrent.z", oracles=oracles, right=verdict != "wrong", wrong_elements=5)
    lines = as_text(replace(right, verdict=verdict, inputs=(one,)), width=80).splitlines()
    header = next(line for line in lines if line.startswith("gradient of"))
    assert header.split() == ["gradient", "of", "shape", *names, "limit" if verdict != "wrong" else "verdict"]
    row = next(line for line in lines if line.startswith("recurrent.z"))
    assert row.rstrip().endswith(f"{one.limit_in_balls:.0e}" if one.right else "WRONG: 5 of 6")
    assert "…" not in header + row


def test_a_summary_is_a_line_a_check_in_eighty_columns_and_takes_no_word_for_markup(right, wrong, markup):
    text = io.StringIO()
    inputs = tuple(replace(right.inputs[0], name=name) for name in ("recurrent.z", "recurrent.r", "kernel", "initial"))
    named = replace(right, name="layer/softmax_cross_entropy", inputs=inputs)
    Console(width=80, file=text).print(summary([named, wrong, replace(right, name=markup[2])]))
    header, _, *rows, caption = text.getvalue().splitlines()
    assert header.split()[:-1] == ["derivation", "elements", "balls", "floats", "verdict"]
    assert rows[0].startswith("layer/softmax_cross_entropy        24     80 ")
    assert rows[0].endswith(" exact gradient  recurrent…")
    assert rows[1].rstrip().endswith(" wrong           w, v")
    assert rows[2].startswith(markup[2])
    assert caption.rstrip() == "digits of agreement in balls and in floats"


def test_a_summary_says_what_is_proven_as_terms_where_that_is_asked(right):
    said = {"yes": "yes", "yes, away from kinks": "kinks", "no: it decides": "no ", None: "-"}
    text = io.StringIO()
    Console(width=120, file=text).print(summary([replace(right, symbolic=symbolic) for symbolic in said]))
    header, _, *rows = text.getvalue().splitlines()
    assert header.split()[:-1] == ["derivation", "elements", "balls", "floats", "terms", "verdict"]
    at = header.index("terms")
    assert all(row[at:].startswith(word) for row, word in zip(rows, said.values(), strict=False))
    caption = " ".join(" ".join(rows[len(said) :]).split())
    assert "terms: proven for all values and sizes; kinks: away from them" in caption
    assert caption.endswith(f"{right.name} is not proven as terms: it decides")


def test_what_could_not_be_decided_is_neither_right_nor_wrong(undecided):
    text = io.StringIO()
    Console(width=110, file=text, force_terminal=True, color_system="standard", highlight=False).print(
        render(undecided)
    )
    assert "\x1b[1;33mundecided\x1b[0m  (" in text.getvalue()
    lines = as_text(undecided).splitlines()
    assert next(line for line in lines if line.startswith("w ")).endswith("undecided")
    assert next(line for line in lines if line.startswith("v ")).rstrip().endswith(" right")
    assert "not decided here: w: the loss is too small, rescale it" in lines
    assert "wrong" not in as_text(undecided).lower()


def test_the_rounding_of_constants_is_said_beside_the_input_with_its_digits(right):
    one = replace(right.inputs[0], constants=15.7)
    assert words.verdict(one) == "right but for the rounding of constants, 15.7 digits"


def test_directions_are_not_taken_for_elements(along):
    shown = as_text(along)
    assert "wrong along 3 of 4 directions" in shown
    assert "w is wrong along 3 of 4 directions; along the worst: claimed 8.00, expected 24.0 (balls); error 16" in shown
    assert "worst at" not in shown
    assert " of 6 " not in shown.replace("w (1 of 6)", "")


@pytest.mark.parametrize("width", [40, 80])
def test_what_a_terminal_would_obey_is_shown(wrong, width):
    evil = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp.exe"
    inputs = (replace(wrong.inputs[0], name=evil), wrong.inputs[1])
    report = replace(wrong, name=evil, inputs=inputs, notes=(evil,), unchecked=(evil,), skipped=((evil, evil),))
    for text in (as_text(report, width), shown(evil)):
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(text)
    assert r"\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egnp.exe" in "".join(as_text(report, width).split())


@pytest.mark.parametrize(("columns", "width"), [("0", 80), ("1", 80), ("40", 40)])
def test_a_width_that_no_terminal_has_is_not_believed(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert console().width == width


@pytest.mark.parametrize("columns", [None, "x"])
def test_where_there_is_no_width_no_line_is_broken(monkeypatch, capsys, wrong, columns):
    """In the log of a CI, in a file and in a pipe: a path or a sentence in two halves cannot be searched for."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    long = replace(wrong, notes=("word " * 100 + "end",))
    console().print(render(long))
    assert f"note: {'word ' * 100}end\n" in capsys.readouterr().out


def test_a_table_is_not_as_wide_as_its_longest_list_of_names(right):
    many = replace(right, inputs=tuple(replace(right.inputs[0], name=f"parameter_{k}") for k in range(100)))
    out = io.StringIO()
    Console(file=out, width=10_000).print(summary([many]))
    assert max(map(len, out.getvalue().splitlines())) < 150


def test_a_closed_pipe_is_not_the_end_with_the_exit_code_of_a_wrong_gradient(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises(BrokenPipeError):
        console().print("x")
