"""Runs of a question, what is claimed of them, and whether it still holds."""

from __future__ import annotations

import pytest

from benchmarks import __main__, compare, gradient_speed, runs
from benchmarks.claims import claims_of
from benchmarks.gradient_speed import ONE, OURS, PEERS, REFERENCE, SIZES, TORCH, TUNED
from benchmarks.harness import Setting, beside, multiples, quoted, write

JAX_PEER = next(iter(PEERS))


def rows(**times):
    """One contender a row, at every size: its seconds in each run."""
    names = {"ours": OURS, "torch": TORCH, "reference": REFERENCE, "jax": JAX_PEER, "tuned": TUNED, "one": ONE}
    about = {"question": "gradient", "what": gradient_speed.GRADIENT, "dtype": "float32"}
    return runs.joined(
        [about | dict(zip("TBDH", size, strict=True)) | {"name": names[k], "seconds": seconds}]
        for size in SIZES
        for k, each in times.items()
        for seconds in each
    )


def holding(found):
    return [claim.holds for claim in claims_of(found)]


GOOD = {"ours": [1.0, 1.0, 1.2], "torch": [1.1, 0.98, 1.3], "reference": [1.5, 1.5, 1.5], "jax": [2.0, 2.0, 2.0]}


def test_of_several_runs_the_middle_and_the_range_are_kept_and_one_that_is_wrong_is_said():
    each = [[{"name": "a", "seconds": s, "digits": s}, {"name": "b", "seconds": s}] for s in (5.0, 1.0, 2.0, 3.0)]
    each[1][1] = {"name": "b", "wrong": "no"}
    a, b = runs.joined(each)
    assert a == {"name": "a", "seconds": 2.5, "spread": 4.0, "runs": [5.0, 1.0, 2.0, 3.0], "digits": 3.0}
    assert b == {"name": "b", "wrong": "no"}


def test_runs_of_two_sessions_are_joined():
    first, second = ([{"name": "a", "seconds": s[0], "runs": s}] for s in ([1.0, 9.0], [2.0, 3.0]))
    (row,) = runs.joined([first, second])
    assert (row["runs"], row["seconds"]) == ([1.0, 9.0, 2.0, 3.0], 2.5)


def test_a_multiple_is_taken_within_each_run():
    """A neighbour that doubles both times of a run moves no multiple; the medians' quotient would be 1.1 / 2."""
    ours, theirs = rows(ours=[1.0, 4.0, 2.0], torch=[1.1, 4.4, 1.0])[:2]
    assert multiples(theirs, ours) == pytest.approx([1.1, 1.1, 0.5])
    assert quoted(multiples(theirs, ours)) == "1.10 (0.50 to 1.10)"
    (table,) = beside([ours, theirs], OURS)
    assert list(table.columns[2].cells) == ["1.10\n0.50–1.10"]


def test_where_the_runs_are_not_the_same_a_multiple_is_that_of_the_medians():
    assert multiples({"seconds": 3.0, "runs": [3.0, 3.0]}, {"seconds": 2.0, "runs": [2.0]}) == [1.5]
    assert multiples({"seconds": 3.0}, {"seconds": 2.0}) == [1.5]


def test_every_run_is_a_process_that_is_asked_the_question(monkeypatch):
    """Which on the CPU is answered for a GPU by why it cannot be."""
    (row,) = runs.in_runs("gpu", "gpu_kernels", Setting(), 1)
    assert (row["name"], row["what"]) == ("gpu", "a run")
    assert "kernels are timed on a GPU" in row["wrong"]
    asked = []
    monkeypatch.setattr(runs, "apart", lambda *given, **_: asked.append(given) or [{"name": "a", "seconds": 1.0}])
    (row,) = runs.in_runs("sizes", "sizes", Setting(quick=True), 3)
    assert row["runs"] == [1.0] * 3
    assert asked == [("runs", "once", "sizes", Setting(quick=True))] * 3


@pytest.mark.parametrize(
    ("other", "which"),
    [
        ({}, None),
        ({"torch": [0.99, 0.99, 1.3]}, 0),
        ({"torch": [1.1, 0.9, 1.3]}, 1),
        ({"reference": [0.99, 1.5, 1.1]}, 2),
        ({"jax": [1.5, 1.5, 2.0]}, 3),
    ],
)
def test_each_claim_can_fail(other, which):
    assert holding(rows(**GOOD | other)) == [n != which for n in range(4)]


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        ({}, True),
        ({"tuned": [1.004, 1.004, 1.0]}, True),  # 1.00 to two decimals
        ({"tuned": [1.01, 1.01, 1.0]}, False),
        ({"one": [0.98, 0.98, 1.5]}, False),
        ({"ours": [0.99, 0.98, 1.5]}, False),
        ({"reference": [0.9, 0.9, 1.5]}, False),
    ],
)
def test_tuned_is_never_slower_than_what_it_was_chosen_from(other, holds):
    times = {k: [1.0, 1.0, 1.0] for k in ("ours", "tuned", "one", "reference")} | other
    (claim,) = (claim for claim in claims_of(rows(**times)) if claim.sentence.startswith("tuned: never slower"))
    assert claim.holds == holds


def test_a_claim_of_something_that_is_not_installed_is_not_made():
    assert len(holding(rows(ours=[1.0], torch=[1.1]))) == 2
    assert holding(rows(torch=[1.1])) == []


def test_a_comparison_says_which_claims_still_hold(tmp_path):
    write(tmp_path / "old.json", {}, rows(**GOOD))
    write(tmp_path / "new.json", {}, rows(**GOOD | {"torch": [0.9, 0.9, 1.0]}))
    said, worse = compare.compare(tmp_path / "old.json", tmp_path / "new.json")
    assert worse
    assert said[-4:] == [
        "no longer holds: torch takes at least our time at every size, in the median",
        "no longer holds: and at least 0.97 of it in nine of ten runs",
        "still holds: nothing in JAX, ours on one device included, is faster at any size, in the median",
        "still holds: ours takes at most 0.65 of the fastest JAX library's time, in the geometric mean",
    ]
    assert list(said[-5].columns[-1].cells)[1:6] == ["ranges lie apart"] * 5
    assert not compare.compare(tmp_path / "new.json", tmp_path / "new.json")[1]


def test_a_quick_record_claims_nothing(tmp_path, monkeypatch, capsys):
    """Its times mean little."""
    for quick in ("True", "False"):
        record = tmp_path / f"{quick}.json"
        write(record, {"quick": quick}, rows(**GOOD))
        monkeypatch.setattr("sys.argv", ["benchmarks", "--read", str(record)])
        with pytest.raises(SystemExit):
            __main__.main()
        assert ("torch takes at least our time" in capsys.readouterr().out) == (quick == "False")


def test_the_command_reads_the_runs_of_two_records_together(tmp_path, monkeypatch, capsys):
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    write(one, {}, rows(ours=[1.0, 1.0], torch=[1.0, 1.2]))
    write(other, {}, rows(ours=[1.0, 1.0], torch=[1.1, 1.3]))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--read", str(one), "--read", str(other)])
    with pytest.raises(SystemExit) as left:
        __main__.main()
    assert not left.value.code
    assert "1.15 (1.00 to 1.30)" in capsys.readouterr().out
