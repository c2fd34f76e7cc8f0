"""`lstm-ref check` on a written derivation: exit codes, one line for what cannot be checked, JSON."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from lstm_ref.cli import app

PAGE = Path(__file__).parents[1] / "written" / "pages" / "frac_lstm.md"


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)], standalone_mode=False)


def code(result):
    return result.exit_code


def test_gradients_of_a_right_page_exit_with_0():
    result = run(PAGE, "--no-color")
    assert code(result) == 0
    assert "frac_lstm.md: right  (9 of 9 lines right" in result.output
    assert "W_i: H×D" in result.output


def test_gradients_of_a_wrong_page_exit_with_1_and_show_what_should_stand_there(tmp_path):
    file = tmp_path / "mine.md"
    file.write_text(PAGE.read_text().replace(r"\tanh^2(c_t)", "c_t^2"))
    result = run(file)
    assert code(result) == 1
    assert "line 13: wrong" in result.output
    assert r"mistake  c_t^2 stands where \tanh^2(c_t) belongs" in result.output
    assert r"derived  \frac{\partial L}{\partial c_t} = " in result.output


def test_what_cannot_be_checked_exits_with_2(tmp_path):
    file = tmp_path / "mine.tex"
    file.write_text("$$h_t = \\tanh(W x_t$$")
    result = run(file)
    assert "line 1, column 20: expected ), got the end of the equation" in str(result.exception)
    file.write_text("\\[ h_t = \\tanh(W x_t) \\]\n\\[ \\bar x_t = q \\]")
    assert code(run(file)) == 2


def test_a_page_that_cannot_be_read_is_one_line(tmp_path):
    assert str(run(tmp_path / "no.md").exception).endswith("no.md: cannot be read: No such file or directory")
    (tmp_path / "old.tex").write_bytes("% Né\n".encode("latin-1"))
    assert str(run(tmp_path / "old.tex").exception).endswith("old.tex: is not UTF-8 text: byte 0xe9 at position 3")


def test_json_is_json():
    report = json.loads(run(PAGE, "--json").output)
    assert (report["verdict"], report["schema"], len(report["lines"])) == ("right", 1, 9)


def test_quiet_is_one_line():
    assert run(PAGE, "--quiet").output == "frac_lstm.md: right\n"


def test_options_of_code_are_refused():
    assert "--oracles and --report are for code" in str(run(PAGE, "--oracles", "balls").exception)
