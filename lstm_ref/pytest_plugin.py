"""pytest plugin: collects derivation files as tests, one per input; a wrong gradient fails with a readable report.

The plugin is installed with the package and silent when unused: it imports nothing heavy until there is a file to
check.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from lstm_ref.commands.collecting import is_derivation
from lstm_ref.places import is_ours

_REPORTS = pytest.StashKey[dict[str, Any]]()
_FILES = pytest.StashKey[list[Path]]()
_ADDED = pytest.StashKey[list[Path]]()
_ADDED_TO_WORKERS = "lstm_ref_added"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line options and the setting."""
    group = parser.getgroup("lstm_ref", "checking hand-written gradients (lstm_ref)")
    group.addoption("--gradients-seed", type=int, default=0, help="Seed of random inputs and cotangents.")
    group.addoption("--gradients-digits", type=int, default=80, help="Decimal digits of ball arithmetic.")
    group.addoption(
        "--gradients-report",
        action="append",
        default=[],
        metavar="FILE",
        help="Write the reports of all checks to a file: .html, .json or .xml (JUnit). Repeatable.",
    )
    parser.addini(
        "gradient_files",
        "Further derivation files, as paths or globs relative to the root; files called derivation_*.py need no entry.",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and that report files can be written, before any test runs; find the files that the setting
    names."""
    if config.getoption("--gradients-seed") < 0:
        raise pytest.UsageError(f"--gradients-seed must not be negative, got {config.getoption('--gradients-seed')}")
    if not 20 <= config.getoption("--gradients-digits") <= 1000:
        raise pytest.UsageError(
            f"--gradients-digits must be from 20 to 1000, got {config.getoption('--gradients-digits')}"
        )
    config.stash[_REPORTS] = {}
    named = [path for pattern in config.getini("gradient_files") for path in _matching(config, pattern)]
    config.stash[_FILES] = named
    added = [Path(p) for p in getattr(config, "workerinput", {}).get(_ADDED_TO_WORKERS, ())]
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        given = [Path(config.invocation_params.dir, a.split("::")[0]).resolve() for a in config.args]
        added = [p for p in named if not any(p == g or g in p.parents for g in given)]
        config.args += map(str, added)
    config.stash[_ADDED] = added
    if config.getoption("--gradients-report"):
        from lstm_ref.errors import BadInput
        from lstm_ref.reporting.files import require_writable

        try:
            for path in _report_files(config):
                require_writable(path)
        except BadInput as error:
            raise pytest.UsageError(f"--gradients-report: {error}") from None


def _matching(config: pytest.Config, pattern: str) -> list[Path]:
    found = sorted(config.rootpath / path for path in glob(pattern, root_dir=config.rootpath, recursive=True))
    if not found:
        raise pytest.UsageError(f"gradient_files: no file matches {pattern!r} in {config.rootpath}")
    return [path.resolve() for path in found]


def _report_files(config: pytest.Config) -> list[Path]:
    return [Path(config.invocation_params.dir, name) for name in config.getoption("--gradients-report")]


# ------------------------------------------------------------------------------------------------- collection


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Any:
    """Collect a derivation file: one that the setting names, or one called derivation_*.py (`is_derivation`).

    pytest also takes every file among its arguments for a test module. A file added only because of the setting is not
    one, unless `python_files` matches it: a function `test(model)` in it is no test.
    """
    found = yield
    config = parent.config
    if file_path.resolve() in config.stash[_ADDED]:
        modules = any(file_path.match(pattern) for pattern in config.getini("python_files"))
        found = [c for c in found if modules or type(c) is not pytest.Module]
    named = file_path.resolve() in config.stash[_FILES]
    if named or (file_path.match("derivation_*.py") and is_derivation(file_path)):
        found = [*found, DerivationFile.from_parent(parent, path=file_path)]
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Under pytest-xdist: show_whole_report a worker which of its arguments come from the setting."""
    node.workerinput[_ADDED_TO_WORKERS] = [str(path) for path in node.config.stash[_ADDED]]


class DerivationFile(pytest.File):
    """The derivations of one file. Each is checked once, when the first of its tests runs."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for every input of every problem."""
        from lstm_ref.checking.files.derivation_file import load
        from lstm_ref.errors import LstmRefError, defect, shown
        from lstm_ref.leaves import paths

        try:
            problems = load(str(self.path), self.config.getoption("--gradients-seed"))
        except LstmRefError as error:
            if isinstance(error.__cause__, pytest.skip.Exception):  # the file called pytest.importorskip
                raise error.__cause__ from None
            raise self.CollectError(shown(str(error))) from None
        except Exception as error:
            raise self.CollectError(defect(error)) from error
        self.found: dict[str, Any] = {}
        self.shown_in_full: set[str] = set()
        for problem in problems:
            _, _, part = problem.name.partition("::")
            for name in paths(problem.inputs):
                label = shown(f"{part}-{name}" if part else name)
                yield GradientOf.from_parent(self, name=f"gradients[{label}]", problem=problem, input_name=name)

    def report(self, problem: Any) -> Any:
        """The report on a problem. An error of the check is raised again for each of its tests."""
        if problem.name not in self.found:
            from lstm_ref.checking.checker import check
            from lstm_ref.checking.files.derivation_file import naming_lines

            option = self.config.getoption
            try:
                with naming_lines(str(self.path)):
                    report = check(problem, digits=option("--gradients-digits"), seed=option("--gradients-seed"))
            except Exception as error:
                self.found[problem.name] = error
            else:
                self.found[problem.name] = report
                _record(self.config, f"{self.nodeid}::{problem.name}", report)
        found = self.found[problem.name]
        if isinstance(found, Exception):
            raise found
        return found

    def show_whole_report(self, problem: Any) -> bool:
        """Whether the whole report of this problem has yet to be shown; marks it as shown."""
        first = problem.name not in self.shown_in_full
        self.shown_in_full.add(problem.name)
        return first


class _WrongInput(AssertionError):
    """A gradient that is not right, after another test has shown the whole report."""


def words_on(report: Any, one: Any) -> str:
    """One input's part of a report, in a few lines."""
    from lstm_ref.errors import shown
    from lstm_ref.reporting import words

    if words.kind(one) == "undecided" or (one.right and words.kind(report) == "undecided"):
        lines = [words.not_decided(report)]
    else:
        as_a_whole = "the claim as a whole is wrong; " if one.right else ""
        lines = [shown(f"{report.name}: {as_a_whole}the gradient of {one.name} is {words.verdict(one)}")]
        lines += filter(None, [shown(words.worst(one) or "")])
    return "\n".join([*lines, "(the first failure of this file shows the whole report)"])


class GradientOf(pytest.Item):
    """The gradient with respect to one input."""

    def __init__(self, *, problem: Any, input_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem, self.input_name = problem, input_name

    def runtest(self) -> None:
        """Fail if this gradient is not right, or if the claim as a whole fails for a reason that belongs to no single
        input.

        Such a reason is a call that changes its arguments, or a wrong adjoint of a value that only the forward names.
        """
        parent: Any = self.parent
        report = parent.report(self.problem)
        mine = next((i for i in report.inputs if i.name == self.input_name), None)
        if mine is None:
            pytest.skip(f"no gradient is claimed for {self.input_name}")
        from lstm_ref.leaves import paths

        tested = paths(self.problem.inputs)
        whole = not report.right and all(i.right for i in report.inputs if i.name in tested)
        if whole or not mine.right:
            from lstm_ref.testing import failure

            raise failure(report) if parent.show_whole_report(self.problem) else _WrongInput(words_on(report, mine))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report, or the one-line error of this package; for any other error, a line that says that it is a defect
        of ours."""
        from lstm_ref.errors import LstmRefError, defect, shown

        if isinstance(excinfo.value, _WrongInput):
            return str(excinfo.value)
        if isinstance(excinfo.value, LstmRefError):
            return shown(str(excinfo.value))
        text = _text_of(excinfo.value)
        if text is not None:
            return text
        if self.config.getoption("--full-trace", default=False):
            return super().repr_failure(excinfo, style)
        return f"{defect(excinfo.value)}\n(pytest --full-trace shows where)"

    def reportinfo(self) -> tuple[Path, None, str]:
        """The file and the name of the test."""
        return self.path, None, f"{self.path.name}: {self.name}"


# --------------------------------------------------------------------------------------- failures and reports


def _text_of(error: BaseException) -> str | None:
    """The report in an error about a claim that is not right; None for any other error. Imports nothing."""
    testing = sys.modules.get("lstm_ref.testing")
    return str(error).strip("\n") if testing is not None and isinstance(error, testing.NotRight) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Make a failing `assert_gradients`, in any test, show its report and its line instead of a traceback; and one that
    cannot check, the lines of the user's code alone."""
    if call.excinfo is not None and not item.config.getoption("--full-trace", default=False):
        _leave_out_ours(call.excinfo)
    result = yield
    error = None if call.excinfo is None else call.excinfo.value
    if error is not None and not isinstance(item, GradientOf) and (text := _text_of(error)) is not None:
        result.longrepr = f"{_place(item, call.excinfo)}assert_gradients fails\n{text}"
        report: Any = getattr(error, "report", None)
        _record(item.config, f"{item.nodeid}::{report.name}", report)
    return result


def _leave_out_ours(excinfo: Any) -> None:
    """Take this package's frames out of the traceback of a BadInput from `assert_gradients`, and of its causes."""
    testing = sys.modules.get("lstm_ref.testing")
    if testing is None or not excinfo.errisinstance(sys.modules["lstm_ref.errors"].BadInput):
        return
    if not any(str(entry.path) == testing.__file__ for entry in excinfo.traceback):
        return
    error, seen = excinfo.value, set()
    while error is not None and id(error) not in seen:  # an error may be its own cause
        seen.add(id(error))
        theirs = [frame for frame in _frames(error.__traceback__) if not is_ours(frame.tb_frame.f_code.co_filename)]
        for frame, following in zip(theirs, [*theirs[1:], None], strict=True):
            frame.tb_next = following
        error.__traceback__ = theirs[0] if theirs else None
        error = error.__cause__ or error.__context__
    excinfo.traceback = pytest.ExceptionInfo.from_exception(excinfo.value).traceback


def _frames(frame: TracebackType | None) -> Iterator[TracebackType]:
    while frame is not None:
        yield frame
        frame = frame.tb_next


def _place(item: pytest.Item, excinfo: Any) -> str:
    """The line that called `assert_gradients` and, if that is in another file, the test's line that led there."""
    ours = sys.modules["lstm_ref.testing"].__file__
    entries = list(excinfo.traceback)
    until = next((k for k, entry in enumerate(entries) if str(entry.path) == ours), len(entries))
    own = [entry for entry in entries[:until] if Path(entry.path) == item.path]
    places = [f"{entry.path}:{entry.lineno + 1}: " for entry in (*own[-1:], *entries[:until][-1:])]
    return "".join(dict.fromkeys(places))


def _record(config: pytest.Config, key: str, report: Any) -> None:
    config.stash[_REPORTS][key] = report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Under pytest-xdist: receive a worker's reports on the controller."""
    found = getattr(node, "workeroutput", {}).get("lstm_ref", {})
    if found:
        from lstm_ref.checking.report import from_dict

        for key, text in found.items():
            _record(node.config, key, from_dict(json.loads(text)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report files on the controller, unless nothing was checked."""
    reports = session.config.stash[_REPORTS]
    if not reports or not session.config.getoption("--gradients-report"):
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["lstm_ref"] = {key: report.as_json() for key, report in reports.items()}
        return
    from lstm_ref.errors import BadInput
    from lstm_ref.reporting.files import write

    try:
        for path in _report_files(session.config):
            write(path, [reports[key] for key in sorted(reports)])
    except BadInput as error:  # do not lose the session's results
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        session.config.get_terminal_writer().line(f"\n--gradients-report: {error}", red=True)
