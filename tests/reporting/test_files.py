"""Reports as files and as data: our own files are replaced, others are left alone, and no field is lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lstm_ref.checking.report import NodeReport, from_dict
from lstm_ref.errors import BadInput
from lstm_ref.reporting.files import require_writable, write

SUFFIXES = (".html", ".json", ".xml")


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".HTML"])
def test_a_report_replaces_an_earlier_one_of_ours_even_an_empty_one(tmp_path, right, wrong, suffix):
    path = tmp_path / f"report{suffix}"
    write(path, [])
    write(path, [wrong])
    first = path.read_text(encoding="utf-8")
    write(path, [right])
    assert "cubes" in first
    assert path.read_text(encoding="utf-8") != first


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.html", '<!DOCTYPE html><html><head><meta charset="utf-8"><title>lstm_ref</title>'),
        ("data.json", '{"schema": 2, "right": true}'),
        ("tests.xml", '<testsuites name="pytest tests"><testsuite name="lstm_ref"/></testsuites>'),
        ("data.json", "\0\xff" * 5000),
    ],
)
def test_a_file_of_somebody_elses_is_left_as_it_is(tmp_path, right, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput, match=f"{name}: exists and is not a report of lstm_ref: it is left as it is"):
        write(path, [right])
    assert path.read_text() == text


def test_an_empty_file_can_become_a_report(tmp_path, right):
    path = tmp_path / "made_by_mktemp.json"
    path.touch()
    write(path, [right])
    assert json.loads(path.read_text())["right"] is True


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("report.pdf", r"a report file must end in .html, .json, .xml"),
        ("report", r"a report file must end in"),
        ("nowhere/report.html", r"there is no folder .*nowhere"),
        ("folder.html", r"folder.html: is not a file"),
    ],
)
def test_where_no_report_can_be_written_is_said_before_any_work(tmp_path, name, message):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(BadInput, match=message):
        require_writable(tmp_path / name)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _: path != tmp_path)  # root may write anywhere
    with pytest.raises(BadInput, match="no permission"):
        require_writable(tmp_path / "report.html")


def test_a_disk_that_is_full_is_one_clear_line(tmp_path, right, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    write(tmp_path / "report.xml", [])
    before = (tmp_path / "report.xml").read_text()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadInput, match=r"report.xml: cannot be written: No space left on device"):
        write(tmp_path / "report.xml", [right])
    assert (tmp_path / "report.xml").read_text() == before, "the earlier report is still there, whole"
    assert [p.name for p in tmp_path.iterdir()] == ["report.xml"], "and nothing else"


def test_a_link_stays_a_link_and_permissions_are_kept(tmp_path, right):
    real, link = tmp_path / "real" / "r.json", tmp_path / "link.json"
    real.parent.mkdir()
    link.symlink_to(real)
    write(link, [])
    real.chmod(0o640)
    write(link, [right])
    assert link.is_symlink()
    assert json.loads(real.read_text())["right"] is True
    assert real.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in real.parent.iterdir()] == ["r.json"]


def test_a_new_report_has_the_permissions_of_any_new_file(tmp_path, right):
    write(tmp_path / "r.json", [right])
    (tmp_path / "other").touch()
    assert (tmp_path / "r.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_to_a_folder_that_is_not_there_is_said_before_any_work(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "gone" / "r.json")
    with pytest.raises(BadInput, match=r"link.json: there is no folder .*gone"):
        require_writable(tmp_path / "link.json")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_words_can_be_written(tmp_path, hostile, suffix):
    report = replace(hostile, name="\ud800 \x00 ✗ \u202e")
    write(tmp_path / f"r{suffix}", [report])
    written = (tmp_path / f"r{suffix}").read_text(encoding="utf-8")
    if suffix == ".json":
        assert json.loads(written)["reports"] == json.loads(json.dumps([report.as_dict()]))
    elif suffix == ".xml":
        assert "✗" in ElementTree.fromstring(written).find("testsuite").get("name")
    else:
        assert "✗ \u202e" in written
        assert written.rstrip().endswith("</html>")


@pytest.mark.parametrize("name", ["right", "wrong", "undecided", "along", "hostile"])
def test_a_report_comes_back_whole_from_json(request, name):
    report = request.getfixturevalue(name)
    assert from_dict(json.loads(report.as_json())) == report


def test_numbers_that_json_does_not_have_come_back_infinite(right):
    w, v = right.inputs
    oracle = replace(w.oracles[0], digits=math.inf, limit=math.inf, error=math.nan)
    nodes = (NodeReport("c", (math.inf, 0.0), (True, False)),)
    report = replace(right, inputs=(replace(w, limit_in_floats=math.inf, oracles=(oracle,)), v), nodes=nodes)
    data = json.loads(report.as_json())
    assert data["inputs"][0]["oracles"][0]["error"] is None
    back = from_dict(data)
    assert back.inputs[0] == replace(report.inputs[0], oracles=(replace(oracle, error=math.inf),))
    assert back.nodes == nodes
