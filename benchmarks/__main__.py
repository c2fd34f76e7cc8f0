"""The command `python -m benchmarks`. Exit codes: 0 done, 1 a row became slower or larger, 2 it could not be done."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import COMMANDS, QUESTIONS
from lstm_ref.errors import BadInput, LstmRefError


class _Listing(click.Command):
    """A command whose help lists the questions."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Questions"):
            formatter.write_dl([(name, _first_line(module)) for name, module in QUESTIONS.items()])
        with formatter.section("Other long runs, each a command with its own --help"):
            formatter.write_dl([(f"python -m benchmarks.{name}", _first_line(name)) for name in COMMANDS])


def _first_line(module: str) -> str:
    """The first line of a module's docstring, read without importing it and without the command in it."""
    text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].partition(" `python")[0]


@click.command(cls=_Listing, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("questions", nargs=-1, metavar="[QUESTION]…")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option("--quick", is_flag=True, help="Run only the minimum that shows that all works; the figures mean little.")
@click.option(
    "--runs",
    type=click.IntRange(1),
    help="Ask each question so many times, every time in fresh processes, and keep the median and the range. "
    "[default: gradient 3, others 1]",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="Write a record and a picture of each question to new files in this folder.",
)
@click.option(
    "--read",
    "records",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Measure nothing: print the tables of a record; given several times, of all their runs together.",
)
@click.option(
    "--compare",
    "pair",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="OLD.json NEW.json",
    help="Measure nothing: compare two records row by row, and say which claims still hold. Exit code 1 if any row "
    "became slower by more than the spread of the measurements, takes more memory, or is no longer measured, or if a "
    "claim no longer holds.",
)
def app(
    questions: tuple[str, ...],
    device: str,
    quick: bool,
    runs: int | None,
    folder: Path | None,
    records: tuple[Path, ...],
    pair: tuple[Path, Path] | None,
) -> int:
    """Measure lstm_ref beside other libraries: the named questions, or all that the device allows. Every contender's
    result is compared with float64's before it is timed; a contender with a wrong result is named and not timed."""
    for name in questions:
        if name not in QUESTIONS:
            raise BadInput(f"no question is called {name!r}; there are {', '.join(QUESTIONS)}")
    if (questions or runs) and (records or pair):
        raise BadInput("--read and --compare measure nothing: name no question with them, and no --runs")
    if runs and runs > 1 and device == "gpu":
        raise BadInput("--runs: a GPU is held by one process; run the command again for each")
    out = Console(width=None if sys.stdout.isatty() else 200)
    if pair:
        from benchmarks.compare import compare

        said, worse = compare(*pair)
        out.print(*said, sep="\n", markup=False)
        return int(worse)
    if records:
        from benchmarks.harness import read
        from benchmarks.runs import joined

        found = [read(record) for record in records]
        quick = any(facts.get("quick") == "True" for facts, _ in found)
        _print(out, joined(rows for _, rows in found), quick)
        return 0
    return _ask(out, questions, device, quick, runs, folder)


def _ask(out: Console, named: tuple[str, ...], device: str, quick: bool, runs: int | None, folder: Path | None) -> int:
    """Run the questions one after another; a question that cannot run on this device does not stop the others."""
    from benchmarks import harness

    questions = named or tuple(QUESTIONS)
    harness.use(device)
    facts = harness.environment(device) | {"quick": str(quick)}
    files = {} if folder is None else {name: _file(folder, name, device, quick, facts) for name in questions}
    answered, failed = 0, False
    for name in questions:
        module = importlib.import_module(f"benchmarks.{QUESTIONS[name]}")
        try:
            rows = [{"question": name} | row for row in _measured(name, module, harness.Setting(device, quick), runs)]
        except LstmRefError as error:
            click.echo(f"benchmarks: {name}: {error}", err=True)
            failed = failed or bool(named) or not isinstance(error, harness.Elsewhere)
            continue
        answered += 1
        _print(out, rows, quick)
        if name in files:
            harness.write(files[name], facts, rows)
            out.print(*_picture(files[name], rows, facts["device"]), sep="\n", markup=False)
    absent = [name for name in harness.PEERS if facts[name] == "absent"]
    if absent and answered:
        out.print(f"not installed, so not compared: {', '.join(absent)}")
    return 2 if failed else 0


def _measured(name: str, module: Any, setting: Any, runs: int | None) -> list[dict[str, Any]]:
    """The rows of a question; of several runs, where they are asked for or the question asks for them itself."""
    from benchmarks.runs import in_runs

    by_itself = 1 if setting.quick or setting.device == "gpu" else getattr(module, "RUNS", 1)
    number = runs or by_itself
    return module.measure(setting) if number == 1 else in_runs(name, QUESTIONS[name], setting, number)


def _file(folder: Path, question: str, device: str, quick: bool, facts: dict[str, str]) -> Path:
    """The path of a record, as scaling_cpu_2_cores.json. Raises BadInput, before any work, if it or its picture
    exists."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BadInput(f"--out {folder}: is no folder that can be written to")
    place = f"cpu_{facts['cores']}_cores" if device == "cpu" else f"gpu_{'_'.join(facts['device'].lower().split())}"
    path = folder / f"{question}_{place}{'_quick' if quick else ''}.json"
    for one in (path, path.with_suffix(".svg")):
        if one.exists():
            raise BadInput(f"{one} exists already, and is never overwritten: move it, or give another folder")
    return path


def _picture(record: Path, rows: list[dict[str, Any]], device: str) -> list[str]:
    """The files written; if matplotlib is missing, a line on how to get it."""
    from benchmarks.plot import draw

    path = record.with_suffix(".svg")
    try:
        drawn = draw(rows, path, f"{record.stem} ({device})")
    except BadInput as error:
        return [str(record), str(error)]
    return [str(record), str(path)] if drawn else [str(record)]


def _print(out: Console, rows: list[dict[str, Any]], quick: bool) -> None:
    """Print the tables of each question in the rows, the claims but of a quick run, and what was not timed."""
    for name in dict.fromkeys(row["question"] for row in rows):
        if name not in QUESTIONS:
            raise BadInput(f"no question is called {name!r}; there are {', '.join(QUESTIONS)}")
        group = [row for row in rows if row["question"] == name]
        for one in importlib.import_module(f"benchmarks.{QUESTIONS[name]}").table(group):
            out.print(one, markup=False)
    from benchmarks import claims
    from benchmarks.harness import sizes_of

    if not quick:
        out.print(*claims.table(claims.claims_of(rows)), markup=False)
    for row in rows:
        if "wrong" in row:
            about = " ".join(filter(None, (row["what"], sizes_of(row), row.get("dtype"))))
            out.print(f"not timed: {row['name']}, {about}: {row['wrong']}", markup=False)


def main() -> None:
    """The entry point: prints every expected error as one line on standard error."""
    try:
        sys.exit(app(standalone_mode=False))
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave("interrupted", 130)
    except click.ClickException as error:
        _leave(error.format_message(), 2)
    except LstmRefError as error:
        _leave(str(error), 2)


def _leave(message: str, code: int) -> None:
    click.echo(f"benchmarks: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
