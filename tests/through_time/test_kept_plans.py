"""Tuned plans in files: read where all is the same, measured anew where anything differs, and never a traceback."""

import json
import os
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput
from lstm_ref.through_time import fast_lstm, kept_plans, tuning
from lstm_ref.through_time.plan import FastPlan

SIZES = 6, 2, 3, 4
CHOSEN = FastPlan("fast", 1, 3, 1, 2)


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    """The sizes and dtypes that were measured: here, nothing is."""
    asked = []

    def choose(sizes, dtype, prepare, seconds):
        asked.append((*sizes, dtype.name))
        return CHOSEN, {CHOSEN: 0.25, FastPlan("scan", 1, 6, 1, 1): 0.5}

    monkeypatch.setattr(tuning, "choose", choose)
    return asked


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def tune(where, *sizes, **options):
    return fast_lstm.tune(*(sizes or SIZES), cache=where, **options)


def the_file(where):
    (file,) = Path(where).iterdir()
    return file


def test_the_next_call_reads_the_file_and_measures_nothing(tmp_path, measured, capsys):
    where = tmp_path / "not" / "yet"
    assert tune(where) == tune(str(where)) == CHOSEN
    assert measured == [(*SIZES, "float32")]
    assert capsys.readouterr() == ("", "")


def test_a_file_says_in_words_for_what_it_holds_and_by_which_figures(tmp_path):
    tune(tmp_path)
    found = json.loads(the_file(tmp_path).read_text())
    assert found["plan"] == {
        "way": "fast",
        "devices": 1,
        "every": 3,
        "blocks": 1,
        "programs": 2,
        "vectors": 0,
        "weights_first": False,
    }
    assert [row["seconds"] for row in found["measured"]] == [0.25, 0.5]
    assert {k: found["key"][k] for k in ("T", "B", "D", "H", "dtype")} == {
        **dict(zip("TBDH", SIZES, strict=True)),
        "dtype": "float32",
    }
    assert found["key"]["jaxlib"]
    assert found["key"]["processor"]


def test_other_sizes_and_another_dtype_are_other_problems(tmp_path, measured):
    for k in range(4):
        tune(tmp_path, *(n + 2 * (k == m) for m, n in enumerate(SIZES)))
    tune(tmp_path, dtype="bfloat16")
    with x64():
        tune(tmp_path, dtype=np.float64)
        tune(tmp_path, dtype="float64")
    assert len(measured) == len(list(tmp_path.iterdir())) == 6
    assert measured[4:] == [(*SIZES, "bfloat16"), (*SIZES, "float64")]


CHANGES = {
    "processor": lambda patch: patch.setattr(kept_plans.processor, "facts", lambda: {"processor": "another"}),
    "cores": lambda patch: patch.setattr(kept_plans.processor, "cores", lambda: 99),
    "devices": lambda patch: patch.setattr(jax, "local_device_count", lambda: 99),
    "backend": lambda patch: patch.setattr(jax, "default_backend", lambda: "another"),
    "versions": lambda patch: patch.setattr(kept_plans, "version", lambda name: "0"),
    "XLA_FLAGS": lambda patch: patch.setenv("XLA_FLAGS", "--another"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_on_another_machine_it_is_measured_anew(change, tmp_path, measured, monkeypatch):
    tune(tmp_path)
    change(monkeypatch)
    tune(tmp_path)
    assert len(measured) == len(list(tmp_path.iterdir())) == 2


def test_with_another_precision_of_products_it_is_measured_anew(tmp_path, measured):
    tune(tmp_path)
    with jax.default_matmul_precision("highest"):
        tune(tmp_path)
    assert len(measured) == 2


def changed(**fields):
    """The file with other fields of the plan."""
    return lambda found: found | {"plan": found["plan"] | fields}


FOREIGN = {
    "empty": b"",
    "cut off": b'{"key": {',
    "no text": bytes(range(256)),
    "nested": b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
    "no plan": lambda found: {"key": found["key"]},
    "no key": lambda found: {"plan": found["plan"]},
    "another key": lambda found: found | {"key": found["key"] | {"T": 7}},
    "more fields": changed(more=1),
    "a field missing": lambda found: found | {"plan": {"way": "fast"}},
    "too many devices": changed(devices=99),
    "no whole number": changed(every="3"),
    "no step": changed(every=0),
    "another way": changed(way="loop"),
    "three programs": changed(programs=3),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_not_ours_is_measured_anew_and_replaced(content, tmp_path, measured):
    tune(tmp_path)
    file = the_file(tmp_path)
    good = file.read_bytes()
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content(json.loads(good))).encode())
    assert tune(tmp_path) == CHOSEN
    assert len(measured) == 2
    assert file.read_bytes() == good


def test_where_the_file_cannot_be_written_one_warning_says_so(tmp_path, measured, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    forbidden = tmp_path / "folder"
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != forbidden)  # root may all
    for where in (tmp_path / "file", tmp_path / "file" / "below", forbidden):
        with pytest.warns(UserWarning, match="the tuned plan is not kept: ") as said:
            assert tune(where) == CHOSEN
        assert len(said) == 1
        assert said[0].filename == __file__
    assert len(measured) == 3


def test_without_a_home_one_warning_says_so(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.warns(UserWarning, match="Could not determine home directory") as said:
        assert tune(True) == CHOSEN
    assert len(said) == 1


def test_the_users_folder_is_that_of_the_specification(tmp_path, measured, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    tune(True)
    assert the_file(tmp_path / "xdg/lstm_ref/plans")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    for given in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        tune(True)
        assert the_file(tmp_path / ".cache/lstm_ref/plans")
    assert len(measured) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "xdg"]


def test_without_a_cache_nothing_is_read_or_written(tmp_path, measured, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tune(False)
    assert not list(tmp_path.iterdir())
    tune(True)
    tune(False)
    assert len(measured) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"T": 0}, "T must be a whole number of at least 1, got 0"),
        ({"B": 2.0}, "B must be a whole number of at least 1, got 2.0"),
        ({"D": True}, "D must be a whole number of at least 1, got True"),
        ({"H": "4"}, "H must be a whole number of at least 1, got '4'"),
        ({"dtype": "int32"}, "the dtype must be one of float32, float64, bfloat16, float16, got 'int32'"),
        ({"dtype": "float"}, "float64 is switched off in JAX, which computes in float32"),
        ({"dtype": np.float64}, "float64 is switched off in JAX.*x64 switches it on"),
        ({"dtype": "no such"}, "the dtype must be one of .*, got 'no such'"),
        ({"dtype": None}, "the dtype must be one of .*, got None"),
        ({"dtype": ">f4"}, "the dtype must be one of .*, got '>f4'"),
        ({"seconds": -1}, "seconds must be a number of at least 0, got -1"),
        ({"seconds": float("nan")}, "seconds must be a number of at least 0, got nan"),
        ({"seconds": "5"}, "seconds must be a number of at least 0, got '5'"),
        ({"cache": 3}, "cache must be True, False or a folder, got 3"),
        ({"cache": None}, "cache must be True, False or a folder, got None"),
    ],
)
def test_bad_input_is_said_in_one_line(options, says, measured):
    with pytest.raises(BadInput, match=f"^{says}"):
        fast_lstm.tune(**dict(zip("TBDH", SIZES, strict=True)) | {"cache": False} | options)
    assert not measured


def test_sizes_may_be_numpys(tmp_path, measured):
    assert tune(tmp_path, *map(np.int64, SIZES)) == tune(tmp_path)
    assert len(measured) == 1
