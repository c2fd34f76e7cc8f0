"""`lstm-ref analyse` as a user runs it: tables, JSON, a picture that never overwrites a file, one line for bad
input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lstm_ref.cli import app
from lstm_ref.data.characters import read_text
from lstm_ref.errors import BadInput
from lstm_ref.vanishing import PADDINGS, after_padding, reach_on_text

PAGES = Path(__file__).parents[2] / "derivations"
SMALL = ("--hidden", "4")


def run(*arguments):
    done = CliRunner().invoke(app, ("analyse", *arguments), catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0
    return done.stdout


def test_vanishing_is_a_table_of_at_most_a_hundred_columns():
    table = run("vanishing", *SMALL)
    lines = table.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["cell", "T", "-", "t", *map(str, (1, 2, 5, 10, 20, 50, 100, 104)), "a", "step"]
    assert [line.split()[0] for line in lines[2:-1]] == ["rnn_tanh", "gru", *["lstm,"] * 9, "0.5^n"]
    for r, line in zip(reach_on_text(read_text()[:104], 4), lines[2:], strict=False):
        shown = [float(v) for v in line.split()[-9:]]
        assert shown == pytest.approx([*r.norms[[1, 2, 5, 10, 20, 50, 100, 104]], r.decay], rel=0.06)
    assert "T = 104 characters of the story; hidden size 4, seed 0" in lines[-1]


def test_another_text_other_steps_and_another_seed(tmp_path):
    (tmp_path / "画.txt").write_text("我在画画" * 3, encoding="utf-8")
    options = ("vanishing", "--data", str(tmp_path / "画.txt"), "--steps", "7", "--json", *SMALL)
    facts = json.loads(run(*options, "--seed", "1"))
    assert (facts["steps"], facts["characters"], facts["seed"], facts["hidden"]) == (7, 3, 1, 4)
    assert facts["text"].endswith("画.txt")
    assert [len(row["norms"]) for row in facts["rows"]] == [8] * 11
    assert all(row["norms"][0] == 1 for row in facts["rows"])
    assert facts["rows"] != json.loads(run(*options, "--seed", "2"))["rows"]


def test_padding_is_a_table_and_json():
    lines = run("padding", *SMALL).splitlines()
    assert max(map(len, lines)) <= 100
    assert [int(line.split()[0]) for line in lines[2:-1]] == list(PADDINGS)
    assert lines[2].split()[2] == lines[2].split()[4] == "1.000"
    facts = json.loads(run("padding", "--text", "a gate", "--json", *SMALL))
    assert (facts["text"], facts["padding"]) == ("a gate", list(PADDINGS))
    for row, right in zip(facts["rows"], after_padding("a gate", 4), strict=True):
        assert row["forget_bias"] == right.forget_bias
        assert row["norms"] == pytest.approx(right.norms, rel=1e-9)
        assert row["left"] == [norm / row["norms"][0] for norm in row["norms"]]


@pytest.mark.parametrize("command", ["vanishing", "padding"])
@pytest.mark.parametrize("name, start", [("x.svg", b"<?xml"), ("x.png", b"\x89PNG")])
def test_a_picture_is_written_once_and_never_over_another_file(tmp_path, command, name, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    assert f"wrote {path}" in run(command, "--plot", str(path), *SMALL)
    drawn = path.read_bytes()
    assert drawn.startswith(start)
    with pytest.raises(BadInput, match="exists already, and a picture is never overwritten"):
        run(command, "--plot", str(path), "--seed", "1", *SMALL)
    assert path.read_bytes() == drawn


def test_the_page_has_todays_table_and_picture(tmp_path):
    pytest.importorskip("matplotlib")
    *table, _, _ = run("vanishing", "--plot", str(tmp_path / "vanishing.svg")).splitlines()
    page = (PAGES / "vanishing.md").read_text()
    assert "\n".join(f"    {line.rstrip()}" for line in table) in page
    drawn, committed = (
        re.search(r"<dc:description>(.*?)</dc:description>", (folder / "vanishing.svg").read_text(), re.S)[1]
        for folder in (tmp_path, PAGES / "graphs")
    )
    assert drawn == committed


def test_the_same_numbers_are_the_same_picture(tmp_path):
    pytest.importorskip("matplotlib")
    for name in "ab":
        run("vanishing", "--plot", str(tmp_path / f"{name}.svg"), *SMALL)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_json_stays_json_beside_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    assert json.loads(run("vanishing", "--json", "--plot", str(tmp_path / "x.svg"), *SMALL))["norm"] == "spectral"


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "same.txt").write_text("aaaaaaaa")
    for arguments, message in (
        (("vanishing", "--data", "no.txt"), "cannot read the text no.txt"),
        (("vanishing", "--data", str(tmp_path / "same.txt"), "--steps", "5"), "needs at least two distinct characters"),
        (("vanishing", "--steps", "5000"), "the story has 4042 characters, and --steps asks for 5000"),
        (("vanishing", "--plot", "x.gif"), "a picture must be named *.svg or *.png, got x.gif"),
        (("padding", "--plot", str(tmp_path / "no" / "x.svg")), "no such folder"),
        (("padding", "--text", ""), "no character"),
    ):
        with pytest.raises(BadInput) as raised:
            run(*arguments)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)
    command = [sys.executable, "-m", "lstm_ref.cli", "analyse", "vanishing", "--steps", "5000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_without_matplotlib_the_remedy_is_named_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadInput, match=r'pip install "lstm_ref\[plots\]"'):
        run("vanishing", "--plot", str(tmp_path / "x.svg"))
    assert not (tmp_path / "x.svg").exists()


def test_the_command_can_be_imported_without_anything_heavy():
    code = (
        "import sys, lstm_ref.commands.analyse; "
        "print([m for m in ('jax', 'numpy', 'optax', 'rich', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
