"""`lstm-ref verify`: proves every built-in derivation."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from lstm_ref.commands import running
from lstm_ref.commands.left_out import report_bad
from lstm_ref.commands.options import checking_options


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the text batch of one model, models/batch-NAME, from these files.",
)
@checking_options
def verify(
    names: tuple[str, ...],
    data: tuple[Path, ...],
    as_json: bool,
    digits: int,
    oracles: list[str] | None,
    seed: int,
    report_files: tuple[Path, ...],
    quiet: bool,
    no_color: bool,
) -> None:
    """Prove the built-in hand-written gradients against every oracle.

    NAMES select derivations: the name of a cell (lstm) selects the derivations of that cell, any other part of a name
    (layer/, parallel, gru) selects all derivations whose name contains it. Without NAMES, all are proven. Random
    problems are proven in balls; a model's batch of text is compared with autodiff in float64. The column "terms" says
    whether the equations of a cell, and of BPTT through it, are proven for all values and all sizes. Exit
    code: 0 all right, 1 some wrong, 2 some undecided, or the check could not be made.

    \b
    What is proven how: https://lstm-ref.github.io/lstm_ref/docs/proofs.html
    """
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *quick_to_compile()])
    from rich.console import Console
    from rich.progress import track

    from lstm_ref.errors import BadInput, nearest
    from lstm_ref.reporting.files import as_json as to_json
    from lstm_ref.reporting.files import write
    from lstm_ref.reporting.terminal import conclusion, console, render, summary
    from lstm_ref.reporting.words import kind, where_time_went
    from lstm_ref.selfcheck.builtin import problems
    from lstm_ref.tasks.batches import batch_problems, left_out

    started, out = time.perf_counter(), console(no_color)
    every = [*problems(), *batch_problems()]
    for part in names:
        if not part:
            raise BadInput("a name is empty: to prove all, give no names")
        if not any(_selects(part, n) for n in every):
            kinds = ", ".join(dict.fromkeys(f"{n.partition('/')[0]}/" for n in every))
            names_and_parts = [*every, *(n.partition("/")[2] for n in every)]
            near = nearest(part, names_and_parts, f"their names begin with {kinds}")
            raise BadInput(f"no derivation is called {part!r}{near}")
    chosen = [n for n in every if not names or any(_selects(part, n) for part in names)]
    if data and (len(chosen) > 1 or chosen[0] not in batch_problems()):
        raise BadInput(f"--data is for one model's batch, so name it: {', '.join(batch_problems())}")
    if data:
        report_bad(left_out(chosen[0], list(data)))
    prove = partial(_prove, data=data, oracles=oracles, digits=digits, seed=seed)
    reports: list[Any] = []
    hidden = as_json or quiet or not sys.stderr.isatty()
    with _workers(len(chosen)) as pool:
        proven = pool.imap(prove, chosen) if pool else map(prove, chosen)
        progress = Console(stderr=True, no_color=no_color)
        for report in track(proven, "proving", len(chosen), console=progress, transient=True, disable=hidden):
            reports.append(report)
    code = running.exit_code(reports)
    with running.printing():
        if as_json:
            click.echo(to_json(reports), nl=False)
        else:
            if not quiet:
                out.print(summary(reports))
            for report in (r for r in reports if not r.right):
                out.print(render(report))
            elements = sum(r.elements for r in reports)
            if len(reports) > 1:
                out.print(where_time_went(reports))
            out.print(f"{conclusion([*map(kind, reports)])}: {elements} gradient elements, {_seconds(started):.1f} s")
    for path in report_files:
        write(path, reports)
    sys.exit(code)


def quick_to_compile() -> list[str]:
    """XLA flags for code that runs once: optimising such code costs more time than it saves."""
    flags = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
    flags.append("--xla_cpu_parallel_codegen_split_count=1")
    release = tuple(int(k) for k in version("jaxlib").split(".")[:2])
    if (0, 6) <= release <= (0, 10):  # newer versions do not know this flag, and an unknown flag ends the process
        flags.append("--xla_cpu_use_fusion_emitters=false")
    return flags


def _selects(part: str, name: str) -> bool:
    """Whether a part of a name, or the name of a cell, selects the derivation of this name."""
    from lstm_ref.cells import CELLS

    of = name.partition("/")[2]
    return part in name if part not in CELLS else of == part or of.startswith(f"{part}-")


def _seconds(started: float) -> float:
    return time.perf_counter() - started


def _prove(name: str, data: tuple[Path, ...], oracles: list[str] | None, digits: int, seed: int) -> Any:
    import numpy as np

    from lstm_ref.checking.checker import check
    from lstm_ref.selfcheck.builtin import problems
    from lstm_ref.selfcheck.proofs import symbolic
    from lstm_ref.tasks.batches import ORACLES, batch_problem, batch_problems

    rng = np.random.default_rng(seed)
    if name in batch_problems():
        return check(
            batch_problem(name, rng, list(data)), oracles=oracles or ORACLES, digits=digits, seed=seed, stateless=True
        )
    report = check(problems()[name](rng), oracles=oracles, digits=digits, seed=seed, stateless=True)
    return replace(report, symbolic=symbolic(name))


def _workers(tasks: int) -> Any:
    """A pool with one process per core; none for a single task."""
    cores = os.cpu_count() or 1
    if tasks < 2 or cores == 1:
        return nullcontext()
    # The parent handles an interrupt: leaving its `with` block ends the workers.
    return get_context("spawn").Pool(min(tasks, cores), signal.signal, (signal.SIGINT, signal.SIG_IGN))
