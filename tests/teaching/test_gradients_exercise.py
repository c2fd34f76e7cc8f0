"""An exercise is wrong in one line, says nothing of it, and is right when mended; hints name what was planted."""

from __future__ import annotations

import sys

import jax
import numpy as np
import pytest

from lstm_ref.cells import CELLS
from lstm_ref.cli import main
from lstm_ref.errors import BadInput
from lstm_ref.mistakes.dictionary import dictionary
from lstm_ref.mistakes.latex import with_letters
from lstm_ref.teaching import exercise, grade
from lstm_ref.teaching.exercise import LEVELS, Exercise

EVERY = [(cell, level) for cell in exercise.cells() for level in LEVELS]


def functions(text):
    names = {}
    exec(compile(text, "exercise", "exec"), names)
    return names


def edits_of(cell):
    return dictionary(cell).edits


def leaves(value):
    return [np.asarray(v) for v in jax.tree.leaves(value)]


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The file of an exercise with these edits."""

    def write(cell, *edits, name="mine.py"):
        monkeypatch.setattr(exercise, "_planted", lambda _: list(edits))
        file = tmp_path / name
        file.write_text(exercise.text(Exercise(cell, 1, 0)))
        return file

    return write


@pytest.fixture
def graded(written):
    """The same as the hints read it; the report is not made."""
    return lambda cell, *edits: grade.Grade(grade._read(written(cell, *edits)), None)


@pytest.mark.parametrize(("cell", "level"), EVERY)
def test_the_forward_of_a_file_is_the_cells_and_the_backward_is_wrong(cell, level):
    for seed in range(2):
        names = functions(exercise.text(Exercise(cell, level, seed)))
        arguments = grade._example(CELLS[cell])
        p, tape, _ = arguments
        assert all(map(np.array_equal, leaves(names["forward"](p, tape.prev, tape.x)[1]), leaves(tape)))
        given, right = leaves(names["backward"](*arguments)), leaves(CELLS[cell].backward(*arguments))
        assert [v.shape for v in given] == [v.shape for v in right]
        assert not all(np.allclose(g, r, rtol=1e-6) for g, r in zip(given, right, strict=True))


def test_there_are_exercises_on_the_cells_of_every_course():
    assert {"rnn_tanh", "lstm", "gru", "peephole", "mgu"} <= set(exercise.cells())
    assert len(exercise.cells()) > 20


def test_a_seed_determines_the_file_and_seeds_differ():
    files = {exercise.text(Exercise("lstm", 2, seed)).replace(f"seed {seed}", "") for seed in range(10)}
    assert len(files) > 5
    assert exercise.text(Exercise("lstm", 2, 7)) == exercise.text(Exercise("lstm", 2, 7))


def test_a_file_does_not_tell_what_is_wrong():
    for seed in range(8):
        text = exercise.text(Exercise("lstm", 2, seed))
        (edit,) = exercise._planted(Exercise("lstm", 2, seed))
        assert edit.sentence not in text
        code = text[text.index("def backward") :]
        comments = [line.partition("#")[2] for line in code.splitlines() if "#" in line]
        assert all(set(c.replace("*", "").replace(",", "").split()) <= {f"L{k}" for k in range(1, 6)} for c in comments)


def test_what_only_an_edit_would_write_is_never_planted():
    planted = [e for level in LEVELS for seed in range(200) for e in exercise._planted(Exercise("lstm", level, seed))]
    assert len({e.wrong for e in planted}) > 100
    for edit in planted:
        assert all(sign not in edit.wrong for sign in ("np.", "0 *", "tape.")), edit


@pytest.mark.parametrize("cell", ["lstm", "rnn_tanh"])
def test_a_mended_file_is_right_to_sixty_digits_and_the_wrong_one_is_wrong(cell, written, tmp_path):
    right = grade.grade(written(cell))
    assert right.right
    assert right.report.digits_in_balls > 60
    (tmp_path / "x.py").write_text(exercise.text(Exercise(cell, 1, 1)))
    edit = next(e for e in dictionary(cell).edits if e.kind == "doubled")
    assert not grade.grade(written(cell, edit, name="wrong.py")).right


@pytest.mark.parametrize(("cell", "every"), [("lstm", 13), ("gru", 29), ("rnn_tanh", 2), ("peephole", 41)])
def test_hints_name_the_line_that_was_edited_and_the_term(cell, every, graded):
    edits = [e for e in edits_of(cell) if not exercise._gives_itself_away(e)][::every]
    assert len(edits) > 5
    for edit in edits:
        answer = graded(cell, edit)
        wrong = grade._first_wrong(answer)
        target = edit.equation.partition(" = ")[0]
        assert (wrong.equation.tag, wrong.equation.target) == (edit.tag, target), edit
        assert grade._gives(edit.wrong, wrong)
        letters = CELLS[cell].gates
        assert f"the first wrong one is {with_letters(target, letters)}." in grade.place(answer)[0]
        alike = [e for e in edits_of(cell) if e.equation == edit.equation and grade._gives(e.wrong, wrong)]
        said = grade.term(answer)
        assert said[0] in [f"The mistake: {with_letters(e.sentence, letters)}." for e in alike]
        assert edit.tag in said[-1]


def test_of_two_mistakes_the_first_is_named_and_when_it_is_mended_the_second(graded):
    two = exercise._planted(Exercise("lstm", 3, 4))
    order = [e.target for e in grade.Source(CELLS["lstm"].backward).equations]
    first, second = sorted(two, key=lambda e: order.index(e.equation.partition(" = ")[0]))
    assert first.sentence in grade.term(graded("lstm", first, second))[0]
    assert with_letters(second.sentence, "ifgo") in grade.term(graded("lstm", second))[0]


def test_a_slip_that_is_in_no_dictionary_is_answered_by_the_equation(written):
    file = written("lstm")
    file.write_text(file.read_text().replace("u_bar * (1 - u * u)", "u_bar * (1 - u * u) * 3.14"))
    said = grade.term(grade.Grade(grade._read(file), None))
    assert said[0] == "The value of c_bar is none that a known mistake gives."
    assert r"\bar c = \bar c^{\,next} + \bar u \odot (1 - u \odot u)" in said[1]


def test_what_is_returned_in_a_wrong_order_is_said(written):
    file = written("gru")
    file.write_text(
        file.read_text().replace("Params(w_x_bar, w_h_bar, b_bar, b_h_bar)", "Params(w_x_bar, w_h_bar, b_h_bar, b_bar)")
    )
    answer = grade.grade(file)
    assert not answer.right
    assert grade.place(answer) == [
        "Every value that the page names is right: look at what is returned, and in which order."
    ]
    assert "params.b is wrong" in grade.symptom(answer)[0]


# ------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["lstm-ref", "exercise", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capsys.readouterr()
        return ended.value.code, out, error

    return called


def test_the_command_sets_grades_and_hints_only_when_asked(told, tmp_path):
    code, out, _ = told("rnn_tanh", "--level", "1", "--seed", "3")
    assert code in (None, 0)
    assert out == "wrote exercise_rnn_tanh.py: mend its backward pass, then: lstm-ref exercise exercise_rnn_tanh.py\n"
    file = tmp_path / "exercise_rnn_tanh.py"
    code, out, _ = told(file.name)
    assert code == 1
    assert out.startswith("Not yet right.\nA hint, if you want one: ")
    assert "x_bar" not in out
    assert "The gradient of xs is wrong in 36 of 36 elements." in told(file.name, "--hint", "symptom")[1]
    assert "the first wrong one is x_bar." in told(file.name, "--hint", "place")[1]
    assert "The mistake: x_bar is doubled." in told(file.name, "--hint", "term")[1]
    file.write_text(file.read_text().replace("2 * (a_bar @ p.w_x.T)", "a_bar @ p.w_x.T"))
    code, out, _ = told(file.name)
    assert (code, out) == (0, "Right, to 80 digits.\n")
    code, _, error = told("rnn_tanh")
    assert (code, "exists already, and is never overwritten" in error) == (2, True)


BAD = {
    "x = (": "is not Python: '(' was never closed",
    "x = 1 / 0": "its code fails: ZeroDivisionError: division by zero (mine.py, line 1)",
    "x = 1": "is no exercise: it must define CELL",
    "CELL = 'lstm'\ndef backward(p, tape, bar): return w": "NameError: name 'w' is not defined (mine.py, line 2)",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_cannot_be_graded_is_one_line(told, tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    code, _, error = told("mine.py")
    assert code == 2
    assert BAD[text] in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.py",), "none.py: cannot be read: No such file"),
        (("nig",), "there is no exercise on 'nig'; there are rnn_tanh"),
        (("lstm", "--hint", "term"), "--hint is for the file of an exercise (.py), got lstm"),
        (("none", "--worksheet"), "there is no page derivations/none.md; there are attention"),
        (("mistakes", "--worksheet"), "derivations/mistakes.md has no backward equations"),
        (("../README", "--worksheet"), "there is no page derivations/../README.md"),
    ],
)
def test_bad_arguments_are_one_line(told, arguments, says):
    code, _, error = told(*arguments)
    assert code == 2
    assert says in error
    assert error.count("\n") == 1


def test_a_file_that_an_editor_on_windows_saved_is_graded(told, tmp_path):
    text = exercise.text(Exercise("rnn_tanh", 1, 0)).replace("\n", "\r\n")
    (tmp_path / "mine.py").write_bytes(text.encode("utf-8-sig"))
    code, out, _ = told("mine.py", "--hint", "place")
    assert code == 1
    assert "the first wrong one is" in out


def test_a_level_that_is_none_is_said():
    with pytest.raises(BadInput, match="there is no level 4; the levels are 1, 2, 3"):
        exercise.text(Exercise("lstm", 4, 0))
