"""The published JSON Schemas describe everything that is written, field by field."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.campaign import Journal
from lstm_ref import check_gradients
from lstm_ref.checking import report
from lstm_ref.reporting.files import as_json
from lstm_ref.written import LineReport, Missing, PageReport, check_text

pytest.importorskip("jsonschema", reason="jsonschema is not installed")
from jsonschema import Draft202012Validator, ValidationError

ROOT = Path(__file__).parents[1]
SCHEMAS = {p.name.partition(".")[0]: json.loads(p.read_text()) for p in (ROOT / "lstm_ref" / "schemas").glob("*.json")}


def closed(schema):
    """The schema, with every field that it does not describe forbidden. As published it allows later fields."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: closed(value) for key, value in schema.items()}
    return (
        inside | {"additionalProperties": False}
        if schema.get("type") == "object" and "properties" in schema
        else inside
    )


def validate(name, data):
    Draft202012Validator(closed(SCHEMAS[name])).validate(data)


def wrong_report():
    """Of a real check: one input wrong, with its cause, one right, one unchecked."""
    import numpy as np

    return check_gradients(
        {"x": np.array([1.0, 2.0]), "y": np.zeros(1), "z": np.ones(2)},
        loss=lambda i: (i["x"] ** 3).sum() * i["z"][0] + i["y"].sum(),
        gradients=lambda i: {"x": 2 * i["x"] ** 2, "y": np.ones(1)},
        oracles=["balls", "differences"],
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"{name}.schema.json"


def test_reports_are_as_the_schema_says():
    found = wrong_report()
    assert not found.right
    validate("report", json.loads(as_json([found], {"b.py": "no such file"})))


def test_written_derivations_are_as_the_schema_says():
    page = check_text(r"$$a_t = W x_t + U h_{t-1}$$ $$h_t = \tanh(a_t)$$ $$\bar a_t = \bar h_t \odot (1 - h_t)$$")
    assert page.verdict == "wrong"
    validate("report", json.loads(as_json([], {}, [page])))
    inside = SCHEMAS["report"]["$defs"]["page"]["properties"]
    assert set(inside) == {f.name for f in fields(PageReport)} | {"schema", "verdict"}
    for name, kind in (("lines", LineReport), ("missing", Missing)):
        assert set(inside[name]["items"]["properties"]) == {f.name for f in fields(kind)}


def test_the_schema_describes_every_field_of_a_report():
    kinds = {
        "report": report.Report,
        "input": report.InputReport,
        "oracle": report.OracleReport,
    }
    described = {name: set(SCHEMAS["report"]["$defs"][name]["properties"]) for name in kinds}
    computed = {"elements", "right", "digits_in_balls", "digits_in_floats"}
    assert described["report"] == {f.name for f in fields(report.Report)} | computed
    for name in ("input", "oracle"):
        assert described[name] == {f.name for f in fields(kinds[name])}
    inside = SCHEMAS["report"]["$defs"]["report"]["properties"]
    for name, kind in (("nodes", report.NodeReport), ("findings", report.Finding)):
        computed = {"url"} if kind is report.Finding else set()
        assert set(inside[name]["items"]["properties"]) == {f.name for f in fields(kind)} | computed
    for name, kind in (("first_wrong", report.FirstWrong), ("conformance", report.Conformance)):
        assert set(inside[name]["anyOf"][0]["properties"]) == {f.name for f in fields(kind)}
    assert inside["schema"]["const"] == SCHEMAS["report"]["properties"]["schema"]["const"] == report.SCHEMA


def test_the_vectors_of_the_repository_are_as_their_schema_says():
    validate("vectors", json.loads((ROOT / "vectors" / "manifest.json").read_text()))
    files = list((ROOT / "vectors").rglob("*.decimals.json"))
    assert len(files) > 5
    for file in files:
        validate("decimals", json.loads(file.read_text()))


def test_the_records_of_the_repository_are_as_their_schema_says():
    files = list((ROOT / "benchmarks" / "results").glob("*.json"))
    assert len(files) > 5
    for file in files:
        validate("benchmarks", json.loads(file.read_text()))


def journal_line(folder):
    """Of a real journal."""
    Journal(folder / "journal.jsonl", "mutants").add(("cells/lstm", 0), [{"unit": "cells/lstm"}])
    return json.loads((folder / "journal.jsonl").read_text())


def test_the_lines_of_a_journal_are_as_their_schema_says(tmp_path):
    validate("journal", journal_line(tmp_path))


BROKEN = {
    "report": lambda data: data["reports"][0]["inputs"][0].pop("shape"),
    "vectors": lambda data: data["problems"]["cell/lstm"]["arrays"].update({"strange.x": {}}),
    "decimals": lambda data: data.update({"output.hs": ["0,5"]}),
    "benchmarks": lambda data: data["rows"][0].update({"seconds": "fast"}),
    "journal": lambda data: data.pop("code"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_as_the_schema_says_is_refused(name, tmp_path):
    files = {
        "vectors": "vectors/manifest.json",
        "decimals": "vectors/time/lstm.decimals.json",
        "benchmarks": "benchmarks/results/gradient_cpu_2_cores.json",
    }
    if name == "journal":
        data = journal_line(tmp_path)
    else:
        data = json.loads((ROOT / files[name]).read_text() if name in files else as_json([wrong_report()]))
    BROKEN[name](data)
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMAS[name]).validate(data)
