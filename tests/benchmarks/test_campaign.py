"""Long runs: the same result whoever answers, in order, resumed where they were killed, with progress."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import campaign, false_alarms, mutation
from benchmarks.campaign import Campaign, Workers, of_executor, of_this_machine
from lstm_ref.errors import BadInput

ROOT = Path(__file__).parents[2]
TASKS = [(n, 12) for n in range(1, 9)]
DIVISORS = [math.gcd(*task) for task in TASKS]


class Backwards:
    """An executor that answers when the last task is there, the last one first."""

    def __init__(self, tasks):
        self.tasks, self.futures = tasks, []

    def submit(self, function, *arguments):
        future = Future()
        self.futures.append((future, function, arguments))
        if len(self.futures) == self.tasks:
            for waiting, run, read in reversed(self.futures):
                waiting.set_result(run(*read))
        return future


def four_threads():
    return ThreadPoolExecutor(4)


@contextmanager
def backwards():
    yield Backwards(len(TASKS))


@pytest.mark.parametrize("factory", [four_threads, backwards])
def test_verdicts_of_any_executor_come_in_the_order_of_the_tasks(factory):
    with of_executor(f"{__name__}:{factory.__name__}") as workers:
        assert list(Campaign(workers).verdicts("divisors", "math:gcd", TASKS)) == DIVISORS


def test_processes_are_renewed_and_answer_every_task():
    opened = []

    def new():
        opened.append(True)
        return of_this_machine(2).open()

    assert list(Campaign(Workers(new, 5)).verdicts("divisors", "math:gcd", TASKS)) == DIVISORS
    assert len(opened) == 2


def test_a_run_that_was_killed_leaves_no_process_and_goes_on_where_it_stopped(tmp_path):
    """By SIGKILL, from a worker at its fourth task. The workers hold the pipe that is read here until they end."""
    journal, tasks = tmp_path / "journal.jsonl", [(n,) for n in range(6)]
    (tmp_path / "squares.py").write_text(
        f"""
import os, pathlib, signal, time
journal = pathlib.Path({str(journal)!r})
def square(n):
    while n >= 3:
        time.sleep(0.01)
        if journal.exists() and journal.read_text().count("\\n") == 3:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(1000)
    return n * n
"""
    )
    (tmp_path / "run.py").write_text(
        f"""
from pathlib import Path
from benchmarks.campaign import Campaign, of_this_machine
if __name__ == "__main__":
    list(Campaign(of_this_machine(2), Path({str(journal)!r})).verdicts("squares", "squares:square", {tasks}))
"""
    )
    killed = subprocess.run(
        [sys.executable, tmp_path / "run.py"], env={"PYTHONPATH": f"{ROOT}"}, capture_output=True, timeout=100
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with journal.open("a") as file:
        file.write('{"campaign": "squares", "co')  # what a line may look like that was being written
    verdicts = list(Campaign(of_this_machine(1), journal).verdicts("squares", "operator:neg", tasks))
    assert verdicts == [0, 1, 4, -3, -4, -5]
    assert sorted(json.loads(line)["task"] for line in journal.read_text().splitlines()) == [[n] for n in range(6)]


def test_other_code_and_another_campaign_take_nothing_from_a_journal(tmp_path, monkeypatch):
    those = Campaign(of_this_machine(1), tmp_path / "journal.jsonl")
    assert list(those.verdicts("a", "operator:neg", [(1,)])) == [-1]
    assert list(those.verdicts("b", "operator:pos", [(1,)])) == [1]
    monkeypatch.setattr(campaign, "code", lambda: "0" * 12)
    assert list(those.verdicts("a", "operator:pos", [(1,)])) == [1]
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 3


def test_the_code_is_another_when_a_source_is(tmp_path, monkeypatch):
    """A changed file, whether committed or not."""
    (tmp_path / "a.py").write_text("a = 1")
    monkeypatch.setattr(campaign, "__file__", str(tmp_path / "campaign.py"))
    monkeypatch.setattr(campaign.lstm_ref, "__file__", str(tmp_path / "none" / "__init__.py"))
    before = campaign.code.__wrapped__()
    assert campaign.code.__wrapped__() == before
    (tmp_path / "a.py").write_text("a = 2")
    assert campaign.code.__wrapped__() != before


def test_a_worker_with_other_code_is_refused(monkeypatch):
    monkeypatch.setattr(campaign, "_answer", lambda work, task: ("0" * 12, 1))
    with pytest.raises(BadInput, match="a worker has other code"):
        list(Campaign(of_this_machine(1)).verdicts("a", "operator:neg", [(1,)]))


def test_a_worker_that_dies_is_said_in_a_line():
    with pytest.raises(BadInput, match=r"a worker died, perhaps at the task \(3,\)"):
        list(Campaign(of_this_machine(2)).verdicts("a", "os:_exit", [(3,)]))


def test_an_error_of_a_task_says_at_which():
    with pytest.raises(ZeroDivisionError) as error:
        list(Campaign(of_this_machine(1)).verdicts("a", "operator:truediv", [(1, 1), (1, 0)]))
    assert error.value.__notes__ == ["at the task (1, 0)"]


def test_progress_is_lines_on_standard_error_where_there_is_no_terminal(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(campaign, "QUIET", 0.0)
    those = Campaign(of_this_machine(1), tmp_path / "journal.jsonl")
    list(those.verdicts("signs", "operator:neg", [(1,)]))
    capsys.readouterr()
    list(those.verdicts("signs", "operator:neg", [(1,), (2,), (3,)]))
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.partition(", ")[0] for line in said.err.splitlines()] == [
        "signs: 1 of 3 are in the journal",
        "signs: 2 of 3",
        "signs: 3 of 3",
    ]


def test_bad_options_are_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    for arguments, says in (
        (["--executor", "nowhere_at_all:executor"], "No module named 'nowhere_at_all'"),
        (["--executor", "math:pi"], "expected module:factory, where factory() gives an executor, got float"),
        (["--executor", "builtins:dict"], "got dict, which has no submit"),
        (["--executor", "builtins:dict", "--workers", "2"], "give one of the two"),
        (["--journal", str(tmp_path / "other.jsonl")], "is no journal of a campaign"),
        (["--journal", str(tmp_path / "none" / "a.jsonl")], "cannot be written: No such file"),
    ):
        done = CliRunner().invoke(false_alarms.main, ["--problems", "1", "--first", "5", *arguments])
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert says in done.stderr
        assert done.stderr.startswith("Error: ")


def test_two_workers_of_a_dask_cluster_find_the_mutants_that_one_process_finds(tmp_path):
    """Three mutants of minGRU, in a cluster within this process; what comes from it is the same to the last byte."""
    distributed = pytest.importorskip("distributed", reason="dask's distributed is not installed")
    import dask

    three = ["--no-peers", "--only", "cells/min_gru", "--every", "50"]
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        dask.config.set({"scheduler-address": cluster.scheduler_address}),
    ):
        there = run_mutation(tmp_path / "there.json", *three, "--executor", "benchmarks.on_dask:executor")
    assert there == run_mutation(tmp_path / "here.json", *three)
    assert len(json.loads(there)) == 3


def test_all_that_the_table_of_tools_asks_is_a_campaign(monkeypatch, tmp_path):
    """Mutants, right functions, and nearly right ones, of ours and of a tool that calls everything right: a second run
    takes all three from the journal."""
    tools = {"lstm_ref": mutation.PEERS["lstm_ref"], "blind": lambda problem: True}
    monkeypatch.setattr(mutation, "PEERS", tools)
    rights = {"layer/dense": mutation.builtin.problems()["layer/dense"]}
    monkeypatch.setattr(mutation.builtin, "problems", lambda: rights)
    nearly = dict(list(mutation.subtle().items())[:1])
    monkeypatch.setattr(mutation, "subtle", lambda: nearly)
    arguments = ["--only", "layers/dense", "--every", "30", "--journal", str(tmp_path / "journal.jsonl")]
    done = CliRunner().invoke(mutation.main, arguments)
    assert done.exit_code == 0, done.output
    rows = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    mutants = int(rows[-1].partition(" ")[0])
    assert f"lstm_ref {mutants} {mutants} 100.0 0 of 5" in rows
    assert f"blind {mutants} 0 0.0 0 of 5" in rows
    assert "one element off by 0.1 of itself found -" in rows
    monkeypatch.setattr(mutation, "PEERS", dict.fromkeys(tools))
    again = CliRunner().invoke(mutation.main, arguments)
    assert again.stdout.splitlines()[:-1] == done.stdout.splitlines()[:-1]  # the last one has the seconds


def test_ray_answers_every_task():
    pytest.importorskip("ray", reason="ray is not installed")
    with of_executor("benchmarks.on_ray:executor") as workers:
        assert list(Campaign(workers).verdicts("divisors", "math:gcd", TASKS)) == DIVISORS


def run_mutation(path, *arguments):
    done = CliRunner().invoke(mutation.main, [*arguments, "--output", str(path)])
    assert done.exit_code == 0, done.output
    assert "3 mutants, 0 survivors, 0 crashed" in done.stdout
    return path.read_text()
