"""A check's result as GitHub's annotations, which a pull request shows at the line of the user's code.

`python -m lstm_ref.reporting.annotations FILE REPORT.json OUTPUT.txt` prints them: those of the report if there is one,
else that of the error on the last line of the output.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lstm_ref.checking.report import Report, from_dict
from lstm_ref.places import is_librarys
from lstm_ref.reporting import words

CLAIMS = ("backward", "gradients")
"""Functions of a derivation file that claim a gradient."""


def of_reports(file: Path, reports: Sequence[Report]) -> Iterator[str]:
    """One annotation for each report on the file that is not right."""
    for report in reports:
        if report.right:
            continue
        found = [text for label, text in words.diagnosis(report) if not label.startswith(" ")]
        found += [*(line for one in report.inputs if (line := words.worst(one))), *report.undecided, *report.notes]
        kind = "wrong gradient" if words.kind(report) == "wrong" else "undecided gradient"
        place = named_line(file, found) or (file, claim_line(file))
        found = found[:3] or [report.verdict]
        found += [f"see {finding.see}" for finding in report.findings[:1] if finding.see]
        yield annotation(*place, f"lstm_ref: {kind}", f"{report.name}: " + "\n".join(found))


def of_error(file: Path, output: str) -> Iterator[str]:
    """The annotation for a check that could not be made."""
    lines = [line for line in output.splitlines() if line.strip()] or ["lstm-ref ended without a word"]
    said = re.findall(r"\((?:([\w.-]+\.py), )?line (\d+)\)", lines[-1])
    place = beside(file, *said[-1]) if said else None
    yield annotation(*(place or (file, 1)), "lstm_ref: the check could not be made", lines[-1])


def named_line(file: Path, sentences: Sequence[str]) -> tuple[Path, int] | None:
    """The first line of the user's code that a sentence names, as "mine.py:9"; None if none does."""
    for sentence in sentences:
        for name, line in re.findall(r"([\w.-]+\.py):(\d+)", sentence):
            if place := beside(file, name, line):
                return place
    return None


def beside(file: Path, name: str, line: str) -> tuple[Path, int] | None:
    """The place in the file, in a file of that name beside it, or in the only one of that name below the working
    folder, which is the checkout; None if there is no such file."""
    path = file.with_name(name) if name else file
    if path.is_file():
        return path, int(line)
    found = [p for p in Path().rglob(name) if p.is_file() and not is_librarys(str(p.absolute()))]
    return (found[0], int(line)) if len(found) == 1 else None


def claim_line(file: Path) -> int:
    """The line where the file begins to claim a gradient; 1 if it cannot be told."""
    try:
        functions = [n for n in ast.walk(ast.parse(file.read_bytes())) if isinstance(n, ast.FunctionDef)]
    except (OSError, SyntaxError, ValueError):
        return 1
    return next((f.lineno for f in functions if f.name in CLAIMS), 1)


def annotation(file: Path, line: int, title: str, message: str) -> str:
    """The workflow command for an error at a line. Nothing in it can begin another command."""
    return f"::error file={_property(str(file))},line={line},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def main(target: str, report: str, output: str) -> None:
    """Prints the annotations for a derivation file, given as FILE or FILE::NAME."""
    file = Path(target.partition("::")[0])
    try:
        reports = [from_dict(data) for data in json.loads(Path(report).read_text())["reports"]]
    except FileNotFoundError:
        lines = of_error(file, Path(output).read_text(errors="replace"))
    else:
        lines = of_reports(file, reports)
    for line in lines:
        print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
