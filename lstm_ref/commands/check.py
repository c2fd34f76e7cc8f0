"""`lstm-ref check FILE[::NAME] …`: prove or refute the user's own derivations, as code or as written formulas."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lstm_ref.commands import running
from lstm_ref.commands.options import checking_options
from lstm_ref.errors import BadInput, LstmRefError, defect, shown

if TYPE_CHECKING:
    from lstm_ref.checking.report import Report
    from lstm_ref.written.report import PageReport


@click.command()
@click.argument("targets", metavar="FILE[::NAME]|FOLDER…", nargs=-1, required=True)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End the check after this time: verdicts that were reached stand, and a message names the step it was in.",
)
@checking_options
def check(
    targets: tuple[str, ...],
    timeout: float | None,
    as_json: bool,
    digits: int,
    oracles: list[str] | None,
    seed: int,
    report_files: tuple[Path, ...],
    quiet: bool,
    no_color: bool,
) -> None:
    """Check the hand-written gradients of derivation files.

    FILE is Python, in NumPy, JAX or torch. It defines `inputs` (a dict of named float arrays, or a function of a NumPy
    generator that returns one), and either loss(inputs) with gradients(inputs), or forward(inputs) with
    backward(inputs, cotangents). Gradients are a dict whose keys are a subset of the inputs' keys. NAME is a class in
    the file that holds these definitions. Or it defines `problem`, made by lstm_ref.torch_function or
    lstm_ref.custom_vjp. Optional definitions:

    `nodes`, a list of inputs that are zeros added at named values: the report then names the first wrong one.

    `cell`, the name of a cell of this package, and `mapping`, a function from the inputs to that cell's arrays: the
    mistake is then looked up in the dictionary of mistakes.

    `estimator` and `definition`, for a claim that is not meant to be the exact gradient.

    A FILE in Markdown or LaTeX (.md, .tex) is a written derivation: displayed equations of a forward pass, and the
    lines of its backward pass. Each line is evaluated and is right, or wrong with what should stand there.

    FOLDER stands for all derivation files in it and below: those called derivation_*.py, and those of any name that
    define a whole claim. With several files, each report is named by its file, a table sums up, and only what is not
    right is reported in full. A file that cannot be checked does not stop the others; one that looks like a
    derivation file and is none is named.

    What a file prints goes to standard error. Exit code: 1 some wrong, else 2 some undecided or not checked, else 0.
    Ctrl-C during the search for the cause of a wrong gradient keeps the verdict, and so does --timeout. --json prints
    one object for all files: `right`, `reports` (a list), and `errors` (what could not be checked, and why); one
    written derivation alone prints its own.
    """
    # Entered here, by the process that outlives a child of which the time is up, so that no folder remains.
    click.get_current_context().with_resource(running.compiled_once())
    files = list(dict.fromkeys(_files(targets)))
    several = list(targets) != files or len(files) > 1
    written = [file for file in files if Path(file).suffix in _WRITTEN]
    if written and (oracles is not None or report_files):
        raise BadInput(f"{written[0]} is a written derivation: --oracles and --report are for code")
    explain = as_json or bool(report_files) or not quiet
    options: dict[str, Any] = {"seed": seed, "digits": digits, "oracles": oracles, "explain": explain}
    found: dict[str, _Found] = {}
    try:
        tell = running.within(timeout)
        tell("step", "loading lstm_ref")
        with running.prints_to_stderr(), running.progress(quiet) as show:

            def say(text: str) -> None:
                tell("step", text)
                show(text)

            def keep(file: str, one: _Found) -> None:
                found[file] = one
                tell("keep", (file, one))

            for file in files:
                try:
                    if file in written:
                        say(f"checking {file}")
                        keep(file, _Found(pages=[_page(file, seed, several)], whole=True))
                    else:
                        _check_code(file, several, say, partial(keep, file), **options)
                except Exception as error:
                    if not several:
                        raise
                    why = str(error) if isinstance(error, LstmRefError) else defect(error)
                    keep(file, replace(found.get(file, _Found()), error=why, whole=True))
        tell("done")
    except running.Ended as ended:
        found = dict(ended.kept)
        if not several and not found:
            raise
        found = _with_those_left(files, found, ended)
    results = [found[file] for file in files]
    reports = [report for one in results for report in one.reports]
    pages = [page for one in results for page in one.pages]
    errors = {file: one.error for file, one in found.items() if one.error}
    for why in errors.values():
        click.echo(f"lstm-ref: {shown(why)}", err=True)
    if written and not several:
        sys.exit(_show_written(pages[0], as_json, quiet, no_color))

    from lstm_ref.reporting.files import as_json as to_json
    from lstm_ref.reporting.files import write

    with running.printing():
        if as_json:
            click.echo(to_json(reports, errors, pages), nl=False)
        elif quiet:
            for name, verdict in [(r.name, r.verdict) for r in reports] + [(p.name, p.verdict) for p in pages]:
                click.echo(f"{shown(name)}: {verdict}")
        else:
            _show(reports, pages, len(errors), several, no_color)
    for path in report_files:
        write(path, reports, errors)
    code = running.exit_code([*reports, *pages])
    sys.exit(code if code == 1 or not errors else 2)


@dataclass(frozen=True)
class _Found:
    """What has been found about one file so far."""

    reports: Sequence[Report] = ()
    pages: Sequence[PageReport] = ()
    error: str = ""
    """Why it, or a part of it, could not be checked."""
    whole: bool = False
    """Whether there is a verdict on every part of the file."""


def _with_those_left(files: list[str], found: dict[str, _Found], ended: running.Ended) -> dict[str, _Found]:
    """The results of all files, in order, where the check ended before all were checked."""
    every, at = {}, ""
    for file in files:
        one = found.get(file, _Found())
        if not one.whole:
            why = f"{file}: not reached: the check ended at {at}" if at else f"{file}: {ended}"
            one, at = replace(one, error=why), at or file
        every[file] = one
    return every


_WRITTEN = (".md", ".tex")
"""Suffixes of written derivations."""
FEW = 10
"""The most files that are named as left out of a folder."""


def _show_written(report: PageReport, as_json: bool, quiet: bool, no_color: bool) -> int:
    """Prints the report on a written derivation; returns the exit code."""
    from lstm_ref.reporting.terminal import console
    from lstm_ref.reporting.written import render

    with running.printing():
        if as_json:
            click.echo(json.dumps(report.as_dict(), indent=2))
        elif quiet:
            click.echo(f"{shown(report.name)}: {report.verdict}")
        else:
            console(no_color).print(render(report), soft_wrap=True)  # a formula stays one line
    return report.exit_code


def _page(file: str, seed: int, several: bool) -> PageReport:
    """The report on a written derivation; of several files, named by its file."""
    from lstm_ref.written import check_file

    report = check_file(Path(file), seed)
    return replace(report, name=file) if several else report


def _files(targets: tuple[str, ...]) -> Iterator[str]:
    """The files that the targets stand for. Says on standard error which files of a folder look like derivation files
    and are none. Raises BadInput for a folder without a derivation file."""
    from lstm_ref.commands.collecting import in_folder

    for target in targets:
        if not target or not Path(target).is_dir():
            yield target
            continue
        found, left_out = in_folder(Path(target))
        if left_out:
            told = [f"{path} ({why})" for path, why in left_out.items()]
            more = f", and {len(told) - FEW} more" if len(told) > FEW else ""
            click.echo(f"left out: {shown(', '.join(told[:FEW]))}{more}", err=True)
        if not found:
            raise BadInput(f"{target}: there is no derivation file in this folder")
        yield from map(str, found)


def _named_by_file(report: Report, file: str) -> Report:
    """The report, named by the file as given: several files may have one name in several folders."""
    _, _, part = report.name.partition("::")
    path = file.partition("::")[0]
    return replace(report, name=f"{path}::{part}" if part else path)


def _check_code(
    target: str,
    several: bool,
    say: Callable[[str], None],
    keep: Callable[[_Found], None],
    *,
    seed: int,
    explain: bool,
    **options: Any,
) -> None:
    """Checks each problem of the file. `say` is called with the current activity, and `keep` with the reports so far:
    on a wrong gradient before the cause is looked for, too."""
    say(f"reading {target}")
    from lstm_ref.checking.checker import check as run
    from lstm_ref.checking.files.derivation_file import load, naming_lines

    reports: list[Report] = []
    problems = load(target, seed)

    def add(whole: bool, report: Report) -> None:
        keep(_Found([*reports, _named_by_file(report, target) if several else report], whole=whole))

    for problem in problems:
        stages = partial(lambda name, stage: say(f"{name}: {stage}"), problem.name)
        judged = partial(add, problem is problems[-1])
        options["explain"] = explain or problem.cell is not None  # a mapping that does not fit is found out there
        with naming_lines(target), running.without_warnings():
            report = run(problem, seed=seed, progress=stages, judged=judged, **options)
        judged(report)
        reports.append(_named_by_file(report, target) if several else report)


def _show(reports: list[Report], pages: list[PageReport], not_checked: int, several: bool, no_color: bool) -> None:
    """One report as a whole; of several files a summary, and what is not right as a whole."""
    from lstm_ref.reporting import written
    from lstm_ref.reporting.terminal import conclusion, console, render, summary
    from lstm_ref.reporting.words import kind

    out = console(no_color)
    if several and reports:
        out.print(summary(reports))
    for report in reports:
        if not (several and report.right):
            out.print(render(report))
    for page in pages:
        if page.verdict == "right":
            click.echo(f"{shown(page.name)}: right")
        else:
            out.print(written.render(page), soft_wrap=True)
    if several:
        out.print(conclusion([*map(kind, reports), *(page.verdict for page in pages)], not_checked))
