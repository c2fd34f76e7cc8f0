"""`lstm-ref vectors` as a user runs it: files that are never overwritten, verdicts, exit codes, one line per error."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lstm_ref import cli
from lstm_ref.interop.vectors.files import read, read_arrays, safetensors

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lstm-ref", "vectors", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, error = capsys.readouterr()
        return left.value.code or 0, out, error

    return run


def gradients(name="cell/lstm"):
    return {k: v for k, v in read(VECTORS).arrays(name).items() if k.startswith("gradient")}


def put(folder, arrays, name="cell/lstm"):
    file = folder / f"{name}.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(safetensors(arrays))
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------------------- write


def test_write_writes_what_is_named(run, tmp_path):
    code, out, error = run("write", tmp_path / "new", "cell/lstm", "layer/dense")
    assert (code, error) == (0, "")
    assert out.startswith("wrote 2 problems, ")
    written = contents(tmp_path / "new")
    assert len(written) == 5
    committed = contents(VECTORS)
    assert all(committed[path] == data for path, data in written.items() if path.name != "manifest.json")
    manifest = json.loads((tmp_path / "new" / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["license"] == "Apache-2.0"
    assert list(manifest["problems"]) == ["cell/lstm", "layer/dense"]
    assert manifest["problems"]["cell/lstm"]["gates"] == "ifgo"


def test_write_replaces_an_earlier_set_whole(run, tmp_path):
    run("write", tmp_path, "cell/lstm", "cell/gru")
    assert run("write", tmp_path, "cell/gru")[0] == 0
    assert sorted(str(path) for path in contents(tmp_path)) == [
        "cell/gru.decimals.json",
        "cell/gru.safetensors",
        "manifest.json",
    ]


def _note(folder):
    (folder / "note.txt").write_text("mine")


def _changed(folder):
    (folder / "cell/gru.decimals.json").write_text("mine")


def _no_manifest(folder):
    (folder / "manifest.json").unlink()


def _nested_manifest(folder):
    (folder / "manifest.json").write_text('{"generator": ' + "[" * 100_000 + "]" * 100_000 + "}")


def _other_manifest(folder):
    (folder / "manifest.json").write_text('{"generator": "other"}')


def _linked(folder):
    (folder / "cell" / "link").symlink_to("/nowhere")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (_note, "contains note.txt, which is not part of its vectors: the folder is left unchanged"),
        (_linked, "contains cell/link, which is not part of its vectors"),
        (_changed, "gru.decimals.json: was changed or damaged"),
        (_no_manifest, "contains cell/gru.decimals.json, but no vectors of lstm_ref: the folder is left unchanged"),
        (_other_manifest, "is not a manifest of lstm_ref's vectors"),
        (_nested_manifest, "is not a manifest of lstm_ref's vectors"),
    ],
)
def test_what_is_not_an_unchanged_set_is_never_overwritten(run, tmp_path, spoil, message):
    run("write", tmp_path, "cell/gru")
    spoil(tmp_path)
    before = contents(tmp_path)
    code, _, error = run("write", tmp_path, "cell/lstm")
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert contents(tmp_path) == before


def test_a_bad_place_or_name_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, message in (
        ((tmp_path / "file",), "is not a folder"),
        ((tmp_path / "a" / "b",), "there is no folder"),
        ((tmp_path / "new", "cell/lstn"), "no problem is called 'cell/lstn'; did you mean cell/lstm?"),
    ):
        code, _, error = run("write", *arguments)
        assert code == 2
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------------------------------------------------- check


def test_right_results_are_0_and_what_is_missing_is_said(run, tmp_path):
    code, out, error = run("check", VECTORS, "--against", put(tmp_path, gradients()))
    assert (code, error) == (0, "")
    assert "cell/lstm: right" in out
    assert "not given: output.state.h, " in out
    assert "no results of: cell/rnn_tanh, " in out
    assert out.splitlines()[-1] == "1 right: 6 arrays"


def test_one_ulp_is_found_by_ulps_0_and_named(run, tmp_path):
    found = gradients()
    found["gradient.x"][1, 2] = np.nextafter(found["gradient.x"][1, 2], 1)
    put(tmp_path, found)
    assert run("check", VECTORS, "--against", tmp_path)[0] == 0
    assert run("check", VECTORS, "--against", tmp_path, "--ulps", 1)[0] == 0
    code, out, _ = run("check", VECTORS, "--against", tmp_path, "--ulps", 0)
    assert code == 1
    (line,) = [line for line in out.splitlines() if line.startswith("gradient.x: ")]
    given, right = re.fullmatch(r"gradient.x: 1 of 6 wrong; worst at \[1, 2\]: (\S+), right is (\S+)", line).groups()
    assert given != right
    assert abs(float(given) - float(right)) == 2.0**-57
    assert out.splitlines()[-1] == "1 of 1 wrong: 6 arrays"


def test_a_wrong_gradient_is_diagnosed(run, tmp_path):
    found = {k: 2 * v for k, v in gradients().items()}
    code, out, _ = run("check", VECTORS, "--against", put(tmp_path, found))
    assert code == 1
    assert "Found: every wrong gradient is 2 times what it should be" in out


def test_json_is_json_though_a_number_is_not(run, tmp_path):
    found = gradients() | {"gradient.x": np.full((2, 3), np.nan), "gradient.q": np.zeros(2)}
    code, out, _ = run("check", VECTORS, "--against", put(tmp_path, found), "--json")
    report = json.loads(out)
    (problem,) = report["problems"]
    rows = {row["array"]: row for row in problem["rows"]}
    assert (code, report["right"], problem["right"]) == (1, False, False)
    assert rows["gradient.x"] | {"worst": 0} == {
        "array": "gradient.x",
        "right": False,
        "note": "",
        "dtype": "float64",
        "shape": [2, 3],
        "ulps": None,
        "digits": 0.0,
        "worst": 0,
        "given": "nan",
        "expected": rows["gradient.x"]["expected"],
        "wrong_elements": 6,
    }
    assert rows["gradient.q"]["note"] == "is not an array of this problem"
    assert rows["gradient.params.b"]["right"]


def test_a_single_file_of_a_named_problem(run, tmp_path):
    file = put(tmp_path, gradients(), "x/mine") / "x" / "mine.safetensors"
    assert run("check", VECTORS, "--against", file, "--problem", "cell/lstm")[0] == 0
    code, _, error = run("check", VECTORS, "--against", file)
    assert code == 2
    assert "which problem are these of? Name it with --problem" in error


def test_what_cannot_be_checked_is_one_line_and_2(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "lstm.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    put(tmp_path / "inputs", {"input.x": np.zeros((2, 3))})
    for arguments, message in (
        ((tmp_path, "--against", VECTORS), "manifest.json: cannot be read: No such file or directory"),
        ((VECTORS, "--against", tmp_path / "nowhere" / "cell" / "lstm.safetensors"), "cannot be read: No such file"),
        ((VECTORS, "--against", tmp_path / "empty"), "contains none of the results cell/rnn_tanh.safetensors, "),
        ((VECTORS, "--against", tmp_path), "is not a safetensors file that can be read"),
        ((VECTORS, "--against", tmp_path / "inputs"), "hold no output, node, adjoint or gradient"),
        ((VECTORS, "--against", VECTORS, "--problem", "cell/mgu"), "no problem is called 'cell/mgu'"),
    ):
        code, _, error = run("check", *arguments)
        assert code == 2, arguments
        assert message in error
        assert error.count("\n") == 1
        assert "Traceback" not in error


def test_damaged_vectors_are_refused(run, tmp_path):
    shutil.copytree(VECTORS, tmp_path / "v")
    found = read_arrays(VECTORS / "cell/lstm.safetensors")
    found["gradient.x"][0, 0] += 1
    put(tmp_path / "v", found)
    code, _, error = run("check", tmp_path / "v", "--against", VECTORS)
    assert code == 2
    assert "cell/lstm.safetensors: was changed or damaged: its SHA-256 is not the manifest's" in error
    (tmp_path / "v" / "manifest.json").write_text('{"generator": "lstm_ref vectors", "schema": 2, "problems": {}}')
    assert "schema 2, but this version reads 1" in run("check", tmp_path / "v", "--against", VECTORS)[2]
    (tmp_path / "v" / "manifest.json").write_text(
        '{"generator": "lstm_ref vectors", "schema": 1, "problems": {"a": 3}}'
    )
    assert "or it is damaged" in run("check", tmp_path / "v", "--against", VECTORS)[2]


def test_the_command_answers_help_without_jax():
    code = "import sys\nfrom lstm_ref.commands import vectors\nassert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
