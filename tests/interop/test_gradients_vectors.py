"""The vectors are the correctly rounded truth; the committed ones equal those written; wrong results are found."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import jax
import numpy as np
import pytest
from flint import acb, arb

from lstm_ref import sequence
from lstm_ref.arithmetic.balls import as_balls, bits_of_precision, midpoints
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import CELLS
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.interop.vectors import cases as every
from lstm_ref.interop.vectors.against import against, results
from lstm_ref.interop.vectors.cases import arrays, cases, given
from lstm_ref.interop.vectors.files import contents, read, read_arrays, safetensors
from lstm_ref.interop.vectors.proven import in_balls, proven
from lstm_ref.interop.vectors.rounding import nearest_decimal, nearest_double
from lstm_ref.mistakes.source import Source

ROOT = Path(__file__).parents[2]
COMMITTED = read(ROOT / "vectors")
PAGE = (ROOT / "docs" / "vectors.md").read_text()


def computed(make, cell, dtype=np.float64, **text):
    """What NumPy gives in this dtype, by name, of the cell with some of its backward's or forward's text replaced."""
    for part, changes in text.items():
        cell = cell._replace(**{part: Source(getattr(cell, part)).with_text(changes)})
    case = make(cell)
    read_in = (jax.tree.map(lambda v: v.astype(dtype), tree) for tree in (case.inputs, case.cotangents))
    return {k: np.asarray(v, dtype) for k, v in arrays(case.evaluate(*read_in)).items()}


@pytest.fixture(autouse=True)
def _edited_cells_have_no_source(monkeypatch):
    monkeypatch.setattr(every, "_tags", lambda owner: ())


# ------------------------------------------------------------------------------------------------- the committed set


@pytest.mark.parametrize("name", COMMITTED.problems)
def test_the_committed_vectors_are_what_is_written_byte_for_byte(name, monkeypatch):
    monkeypatch.undo()
    case = cases()[name]()
    files, about = contents(case, proven(case))
    for path, data in files.items():
        assert (COMMITTED.folder / path).read_bytes() == data
    assert json.loads(json.dumps(about)) == COMMITTED.problems[name]


def test_the_committed_set_is_small_and_holds_nothing_else():
    files = {str(path.relative_to(COMMITTED.folder)) for path in COMMITTED.folder.rglob("*") if path.is_file()}
    listed = {path for about in COMMITTED.problems.values() for path in about["sha256"]}
    assert files == listed | {"manifest.json"}
    assert sum((COMMITTED.folder / path).stat().st_size for path in files) < 200_000


@pytest.mark.parametrize("name", COMMITTED.problems)
def test_gradients_in_decimals_have_40_digits_and_round_to_the_doubles(name):
    found = json.loads((COMMITTED.folder / f"{name}.decimals.json").read_text())
    vectors = COMMITTED.arrays(name)
    assert {k.partition(".")[0] for k in found} >= {"output", "gradient"}
    for array, texts in found.items():
        assert [float(text) for text in texts] == vectors[array].ravel().tolist()
    most = max(len(Decimal(text).as_tuple().digits) for texts in found.values() for text in texts)
    assert most == 40 or name == "layer/dense"  # whose values are multiples of 2^-20


def test_gradients_of_the_vectors_are_those_of_autodiff():
    vectors = COMMITTED.arrays("time/lstm")
    case = cases()["time/lstm"]()
    with x64():
        inputs, bar = jax.tree.map(jax.numpy.asarray, (case.inputs, case.cotangents))
        outputs, pull = jax.vjp(
            lambda *read: sequence.scan(CELLS["lstm"], *read, every.LENGTHS), *(inputs[k] for k in case.inputs)
        )
        params, initial, xs = pull(sequence.Outputs(**bar))
        found = arrays(every.RightValues(outputs._asdict(), {"params": params, "initial": initial, "xs": xs}))
        found = {k: np.asarray(v) for k, v in found.items()}
    assert len(found) == 9
    for name, v in found.items():
        assert np.max(np.abs(v - vectors[name])) <= 1e-14, name  # 60 units of the largest, 1


def test_inputs_are_made_from_their_names_alone():
    digest = hashlib.sha256(b"time/lstm/input.params.w_x/17").hexdigest()
    expected = (int(digest, 16) % 2048 - 1024) / 1024
    assert COMMITTED.arrays("time/lstm")["input.params.w_x"].ravel()[17] == expected


@pytest.mark.parametrize("name", ["cell/slstm", "time/slstm", "cell/layer_norm", "layer/binary-cross-entropy"])
def test_inputs_lie_in_the_domain(name):
    told = given(cases()[name]())
    for array, v in told.items():
        assert np.all(v * 1024 == np.round(v * 1024)), array
        assert np.all(np.abs(v) <= 1) or array == "input.lengths", array
    positive = [v for k, v in told.items() if k.endswith((".n", "input.target")) and k.startswith("input")]
    assert all(np.all(v > 0) for v in positive)
    assert len(positive) == ("layer_norm" not in name)


def test_every_gradient_has_something_to_show():
    """But for an h that its cell does not read."""
    reads_no_h = {"residual_lstm", "mlstm", "mlstm_scaled_query", "sru", "qrnn_f", "qrnn_fo", "qrnn_ifo"}
    for name, make in cases().items():
        case = make()
        found = arrays(case.evaluate(case.inputs, case.cotangents))
        nothing = [k for k, v in found.items() if k.startswith(("output", "gradient")) and not np.any(v)]
        if nothing:
            assert name.partition("/")[2] in reads_no_h, (name, nothing)
            assert nothing[0].endswith((".prev.h", ".initial.h")), (name, nothing)
            assert len(nothing) == 1, (name, nothing)


def test_no_problem_lies_at_a_kink():
    """There any slope may be taken, and a gradient jumps where the inputs move: by 1e-30, all values move as little."""
    at_kinks = []
    with bits_of_precision(160):
        for name, make in cases().items():
            case = make()
            here = in_balls(case)
            for far in (acb(10) ** -30, -(acb(10) ** -30)):
                moved = jax.tree.map(lambda v, far=far: as_balls(v) + far, case.inputs)
                there = in_balls(case._replace(inputs=moved))
                if not max(float(np.max(np.abs(midpoints(there[k] - v)))) for k, v in here.items()) < 1e-24:
                    at_kinks.append(name)
    assert at_kinks == []


# ---------------------------------------------------------------------------------------------------------- rounding


def ball(mantissa, exponent=0, radius=None):
    """mantissa * 2^exponent, exactly, give or take 2^radius."""
    return acb(arb((mantissa, exponent), 0 if radius is None else arb((1, radius))))


@pytest.mark.parametrize(
    "x, double, decimal",
    [
        (ball(0), 0.0, "0"),
        (ball(0, 0, -1076), 0.0, "0"),  # cannot be told from zero, and rounds to it
        (ball(0, 0, -1074), None, None),
        (ball(1, 0, -60), 1.0, None),  # the 40th digit is open
        (ball(2**53 + 1, -53), 1.0, "1.000000000000000111022302462515654042363"),  # an exact tie: to even
        (ball(2**53 + 3, -53), 1 + 2**-51, "1.00000000000000033306690738754696212709"),
        (ball(2**53 + 1, -53, -100), None, None),  # a tie that is not known to be one
        (ball(2**99 + 2**46 + 1, -99, -100), 1 + 2**-52, None),
        (ball(3, -1075), 2**-1073, "7.410984687618698162648531893023320585476E-324"),  # a tie below the normal numbers
        (ball(2**136 - 1, -136), 1.0, "1"),
        (ball(1, 1023), None, None),
        (acb(arb("nan")), None, None),
        (acb(arb(1, "inf")), None, None),
    ],
)
def test_a_ball_is_rounded_only_where_it_decides(x, double, decimal):
    with bits_of_precision(1200):
        assert nearest_double(x) == double
        assert nearest_decimal(x) == decimal


def test_a_zero_that_is_not_exact_is_positive_zero():
    with bits_of_precision(100):
        assert str(nearest_double(ball(-1, -2000, -2001))) == "0.0"


def test_precision_is_raised_until_all_is_decided_and_a_hidden_tie_is_refused():
    case = cases()["layer/dense"]()

    def with_loss(value):
        return case._replace(evaluate=lambda inputs, bar: every.RightValues({"z": value()}, {}))

    cancelled = with_loss(lambda: np.array([acb(2) ** 700 + acb(1) / 3 - acb(2) ** 700], object))
    assert proven(cancelled)["output.z"].doubles == [1 / 3]
    zero = with_loss(lambda: np.array([(acb(1) / 3) * 3 - 1], object))
    assert proven(zero)["output.z"].doubles == [0]
    hidden = with_loss(lambda: np.array([(acb(1) / 3) * 3 + acb(2) ** -53], object))
    with pytest.raises(CannotEvaluate, match=r"layer/dense: output.z is not decided by 4096 bits: a tie"):
        proven(hidden)


# ----------------------------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", COMMITTED.problems)
def test_right_results_are_within_the_bound(name, dtype):
    case = cases()[name]()
    read_in = (jax.tree.map(lambda v: v.astype(dtype), tree) for tree in (case.inputs, case.cotangents))
    found = {k: np.asarray(v, dtype) for k, v in arrays(case.evaluate(*read_in)).items()}
    verdict = against(COMMITTED, name, found)
    assert verdict.right, [row for row in verdict.rows if not row.right]
    assert verdict.missing == verdict.findings == ()
    assert min(row.digits for row in verdict.rows) > (14 if dtype is np.float64 else 5.5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_vectors_themselves_are_right_bit_for_bit(dtype):
    found = COMMITTED.arrays("time/gru")
    verdict = against(COMMITTED, "time/gru", {k: v.astype(dtype) for k, v in found.items() if "input" not in k}, 0)
    assert verdict.right
    assert {row.ulps for row in verdict.rows} == {0}
    assert len(verdict.rows) == 2 + 6 + 6 + 6


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_error_of_one_ulp_is_found_and_named(dtype):
    found = {k: v.astype(dtype) for k, v in COMMITTED.arrays("cell/lstm").items() if k.startswith("gradient")}
    found["gradient.params.w_h"][1, 2] = np.nextafter(found["gradient.params.w_h"][1, 2], dtype(9))
    verdict = against(COMMITTED, "cell/lstm", found, 0)
    (row,) = [row for row in verdict.rows if not row.right]
    assert (row.array, row.ulps, row.worst, int(row.wrong.sum())) == ("gradient.params.w_h", 1.0, (1, 2), 1)
    assert row.given != row.expected
    assert verdict.findings == ()  # no term is wrong
    assert against(COMMITTED, "cell/lstm", found, 1).right


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_wrong_term_of_a_known_cell_is_named_and_where_it_begins(dtype):
    found = computed(every.through_time, CELLS["lstm"], dtype, backward={"+ u_bar * (1 - u * u)": "+ u_bar"})
    verdict = against(COMMITTED, "time/lstm", found)
    assert {row.array for row in verdict.rows if row.right} >= {"output.hs", "node.u"}
    assert "c_bar is carried without the factor 1 - u * u (L4*, see lstm-ref show 'L4*')" in verdict.findings[0]
    assert verdict.findings[-1] == "first wrong on the way back: adjoint.c at step 5"


@pytest.mark.parametrize(
    "name, edit, sentence",
    [
        ("gru", {"bar.h * z)": "bar.h)"}, "(G5*, see lstm-ref show 'G5*')"),
        (
            "peephole",
            {" + a_o_bar * p.p_o": ""},
            "(P5*, see lstm-ref show 'P5*')",
        ),
        (
            "rnn_tanh",
            {"bar.h * derivative(h)": "bar.h"},
            "(R2*, see lstm-ref show 'R2*')",
        ),
    ],
)
def test_wrong_terms_of_other_cells_are_named_from_gradients_alone(name, edit, sentence):
    every_array = computed(every.through_time, CELLS[name], backward=edit)
    verdict = against(COMMITTED, f"time/{name}", {k: v for k, v in every_array.items() if k.startswith("gradient")})
    assert not verdict.right
    assert sentence in verdict.findings[0]


def test_another_forward_is_named_and_the_first_wrong_node():
    found = computed(every.through_time, CELLS["lstm"], forward={"u = tanh(c)": "u = c"})
    verdict = against(COMMITTED, "time/lstm", found)
    assert "no tanh on the output" in verdict.findings[0]
    assert "first wrong on the way: node.u at step 0" in verdict.findings


def test_a_layers_wrong_gradient_is_described():
    right = COMMITTED.arrays("layer/softmax-cross-entropy")
    verdict = against(COMMITTED, "layer/softmax-cross-entropy", {"gradient.prediction": -right["gradient.prediction"]})
    assert verdict.findings == ("the gradient of prediction is -1 times what it should be: the sign",)


def test_what_cannot_be_compared_is_a_named_row():
    right = COMMITTED.arrays("cell/lstm")
    found = {
        "output.state.h": right["output.state.h"] * np.nan,
        "gradient.x": right["gradient.x"].T,
        "gradient.prev.h": right["gradient.prev.h"].astype(np.float16),
        "gradient.params.v": right["gradient.x"],
        "gradient.prev.c": right["gradient.prev.c"],
    }
    rows = {row.array: row for row in against(COMMITTED, "cell/lstm", found).rows}
    assert {name for name, row in rows.items() if row.right} == {"gradient.prev.c"}
    assert (rows["output.state.h"].ulps, rows["output.state.h"].given) == (np.inf, "nan")
    assert rows["gradient.x"].note == "must have shape (2, 3), got (3, 2)"
    assert rows["gradient.prev.h"].note == "must be float64 or float32, got float16"
    assert rows["gradient.params.v"].note == "is not an array of this problem"


def test_results_that_are_all_unfit_are_only_named():
    verdict = against(COMMITTED, "cell/lstm", {"gradient.x": np.zeros((2, 3), np.float16), "no": np.zeros(1)})
    assert [row.note for row in verdict.rows] == [
        "must be float64 or float32, got float16",
        "is not an array of this problem",
    ]
    assert verdict.findings == ()


def test_a_padded_output_must_be_zero():
    found = {"output.hs": COMMITTED.arrays("time/lstm")["output.hs"]}
    found["output.hs"][4, 1, 0] = 1e-20
    (row,) = against(COMMITTED, "time/lstm", found).rows
    assert (row.right, row.worst) == (False, (4, 1, 0))


def test_a_damaged_file_is_refused(tmp_path):
    shutil.copytree(COMMITTED.folder, tmp_path / "v")
    file = tmp_path / "v" / "cell" / "gru.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(BadInput, match="was changed or damaged"):
        read(tmp_path / "v").arrays("cell/gru")


def test_vectors_of_other_inputs_are_refused(tmp_path):
    folder = tmp_path / "v"
    shutil.copytree(COMMITTED.folder, folder)
    other = {**COMMITTED.arrays("cell/gru"), "input.x": np.ones((2, 3))}
    (folder / "cell/gru.safetensors").write_bytes(safetensors(other))
    digest = hashlib.sha256((folder / "cell/gru.safetensors").read_bytes()).hexdigest()
    text = (folder / "manifest.json").read_text()
    was = COMMITTED.problems["cell/gru"]["sha256"]["cell/gru.safetensors"]
    (folder / "manifest.json").write_text(text.replace(was, digest))
    with pytest.raises(BadInput, match="has other inputs than in this version"):
        against(read(folder), "cell/gru", other)


def test_a_file_of_results_is_told_by_its_path(tmp_path):
    file = tmp_path / "time" / "lstm.safetensors"
    file.parent.mkdir()
    shutil.copy(COMMITTED.folder / "time/lstm.safetensors", file)
    assert list(results(file, COMMITTED)) == ["time/lstm"]
    shutil.copy(file, tmp_path / "lstm.safetensors")
    with pytest.raises(BadInput, match="which problem are these of"):
        results(tmp_path / "lstm.safetensors", COMMITTED)
    assert list(results(tmp_path / "lstm.safetensors", COMMITTED, "time/lstm")) == ["time/lstm"]


# --------------------------------------------------------------------------------------------- the programs on the page


def program(language):
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return code


def replaced(code, old, new):
    assert code.count(old) == 1
    return code.replace(old, new)


FORGOTTEN = {
    "c": ("c_bar[n][j] = of_c * f;", "c_bar[n][j] = of_c;"),
    "js": ("h_bar[n * H + j] += back", "h_bar[n * H + j] = back"),
}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
@pytest.mark.parametrize("wrong", [False, True])
def test_gradients_of_the_c_program_are_right_and_of_its_twin_wrong(tmp_path, wrong):
    code = replaced(program("c"), *FORGOTTEN["c"]) if wrong else program("c")
    (tmp_path / "lstm.c").write_text(code)
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic"]
    subprocess.run(["gcc", *flags, "-Werror", "lstm.c", "-o", "lstm", "-lm"], cwd=tmp_path, check=True)
    done = _ran([tmp_path / "lstm", COMMITTED.folder / "time/lstm.safetensors"])
    assert done.returncode == wrong, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines][1:] == [k for k in COMMITTED.arrays("time/lstm") if "gradient" in k]
    assert [line.endswith("WRONG") for line in lines] == [False] + [wrong] * 6


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_the_c_reader_refuses_what_is_no_vectors(tmp_path):
    (tmp_path / "lstm.c").write_text(program("c"))
    subprocess.run(["gcc", "-std=c11", "lstm.c", "-o", "lstm", "-lm"], cwd=tmp_path, check=True)
    whole = (COMMITTED.folder / "time/lstm.safetensors").read_bytes()
    for data in (b"", b"no", whole[:100], whole[:-9], (COMMITTED.folder / "time/gru.safetensors").read_bytes()):
        (tmp_path / "file").write_bytes(data)
        assert _ran([tmp_path / "lstm", tmp_path / "file"]).returncode == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.parametrize("wrong", [False, True])
def test_gradients_of_the_javascript_program_are_right_and_of_its_twin_wrong(tmp_path, wrong):
    code = replaced(program("js"), *FORGOTTEN["js"]) if wrong else program("js")
    (tmp_path / "gru.js").write_text(code)
    done = _ran(["node", tmp_path / "gru.js", COMMITTED.folder / "cell/gru.safetensors", tmp_path / "r.safetensors"])
    assert done.returncode == wrong, done.stdout + done.stderr
    assert re.findall(r"(\S+) .*WRONG", done.stdout) == ["gradient.prev.h"] * wrong
    verdict = against(COMMITTED, "cell/gru", read_arrays(tmp_path / "r.safetensors"))
    assert verdict.right is not wrong
    assert any("G5*" in sentence for sentence in verdict.findings) is wrong


def _ran(command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
