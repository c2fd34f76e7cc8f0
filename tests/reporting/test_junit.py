"""The JUnit report, as a CI server reads it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from lstm_ref.reporting.junit import as_junit


def read(*reports):
    return ElementTree.fromstring(as_junit(reports).encode())


def test_a_suite_is_a_report_and_a_case_an_input(right, wrong):
    first, second = read(right, wrong)
    assert (first.attrib["tests"], first.attrib["failures"]) == ("2", "0")
    assert (second.attrib["tests"], second.attrib["failures"]) == ("2", "1")
    assert [c.attrib["name"] for c in second.iter("testcase")] == ["gradients[w]", "gradients[v]"]
    assert [c.find("failure") is None for c in second.iter("testcase")] == [False, True]


def test_a_failure_reads_as_a_sentence_and_says_what_is_wrong(wrong):
    failure = read(wrong).find(".//failure")
    assert failure.attrib["message"] == "WRONG: 5 of 6"
    lines = failure.text.splitlines()
    assert lines[0].startswith("worst at w[1, 0]: claimed 8.00, expected 24.0 (balls)")
    assert lines[1] == "The mistake: the term next_c_bar is missing from c_bar (L4*)"
    assert wrong.findings[0].see in failure.text
    assert "cubes: wrong" in read(wrong).find(".//system-out").text


def test_digits_and_limits_are_properties_of_each_case(right):
    case = next(read(right).iter("testcase"))
    values = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
    assert values["digits balls"] == f"{right.inputs[0].oracles[0].digits:.1f}"
    assert values["detection limit"].endswith("in balls")
    assert values["truly zero"] == "1"


def test_a_claim_that_is_wrong_for_a_reason_that_is_no_inputs_has_a_failing_case_of_its_own(right, wrong):
    suite = read(replace(right, verdict="wrong", notes=("the claim writes into its argument",)))[0]
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    assert suite.find(".//failure").text == "the claim writes into its argument"


def test_any_words_make_valid_xml(hostile, markup):
    suite = read(replace(hostile, name=f"{markup[0]}\x1b[31m\x00\ud800 ✗"))[0]
    assert suite.attrib["name"] == f"{markup[0]}?[31m?? ✗"
    assert [c.attrib["name"] for c in suite.iter("testcase")] == [f"gradients[{m}]" for m in markup[1:]]


def test_what_could_not_be_decided_is_an_error_that_says_what(undecided):
    suite = read(undecided)[0]
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "1")
    error = suite.find(".//error")
    assert error.attrib["message"] == "undecided"
    assert error.text.startswith("w: the loss is too small, rescale it")
    verdicts = [p.attrib["value"] for p in suite.findall("testcase//property[@name='verdict']")]
    assert verdicts == ["undecided", "right but for the rounding of constants, 16.1 digits"]


def test_a_claim_of_which_nothing_could_be_decided_as_a_whole_is_an_error_too(right):
    suite = read(replace(right, verdict="undecided", undecided=("the batch is empty",)))[0]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("3", "0", "1")
    assert suite.find(".//error").text == "the batch is empty"
