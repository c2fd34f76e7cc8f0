"""Plants mistakes into the hand-written backward passes; the gradient tests must fail on each.

`python tests/planted.py` copies the repository, plants one mistake after the other in the copy, runs `pytest -k
'gradients and not planted' -x -q` and prints red or green for each. It exits with 0 only if every mistake gives red and
the unchanged code green. `tests/test_gradients_planted.py` plants the same mistakes in memory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Mistake(NamedTuple):
    """One line of the source, and the wrong line in its place."""

    file: str
    right: str
    wrong: str

    @property
    def path(self) -> Path:
        """The file."""
        return ROOT / "lstm_ref" / self.file

    def plant(self, source: str) -> str:
        """The source with the mistake in it; the right line must stand there exactly once."""
        assert source.count(self.right) == 1, f"{self.file} has {source.count(self.right)} times: {self.right}"
        return source.replace(self.right, self.wrong)

    def module(self) -> ModuleType:
        """The module with the mistake in it, compiled under a name of its own."""
        planted = ModuleType(f"planted_{self.path.stem}")
        sys.modules[planted.__name__] = planted  # where typing.NamedTuple looks its module up
        exec(compile(self.plant(self.path.read_text()), f"planted {self.path}", "exec"), planted.__dict__)
        return planted


LSTM, RNN, SEQUENCE = "cells/lstm.py", "cells/rnn.py", "sequence.py"

MISTAKES = {
    "the next step's cotangent of c is dropped (L4*)": Mistake(
        LSTM, "c_bar = bar.c + u_bar * (1 - u * u)", "c_bar = u_bar * (1 - u * u)"
    ),
    "c's cotangent is not carried to the step before (L3*)": Mistake(
        LSTM, "State(prev_h_bar, prev_c_bar)", "State(prev_h_bar, 0 * prev_c_bar)"
    ),
    "h's cotangent is not carried to the step before (L1*)": Mistake(
        LSTM, "State(prev_h_bar, prev_c_bar)", "State(0 * prev_h_bar, prev_c_bar)"
    ),
    "the RNN's recurrent kernel is not transposed (R1*)": Mistake(RNN, "a_bar @ p.w_h.T", "a_bar @ p.w_h"),
    "each gate's recurrent kernel is not transposed (L1*)": Mistake(
        LSTM,
        "a_bar @ p.w_h.T",
        "sum(bar_of_gate @ w for bar_of_gate, w in zip(split_gates(a_bar), split_gates(p.w_h), strict=True))",
    ),
    "1 - y² is taken of c, which is not activated (L4*)": Mistake(
        LSTM, "u_bar * (1 - u * u)", "u_bar * (1 - tape.nodes.c * tape.nodes.c)"
    ),
    "the RNN's 1 - y² is taken of the pre-activation (R2*)": Mistake(
        RNN, "x, prev, (_, h) = tape\n", "x, prev, (h, _) = tape\n"
    ),
    "the loop reads an output's cotangent one step early (T1*)": Mistake(
        SEQUENCE, "tapes[t], bar.hs[t], state_bar, None if keep", "tapes[t], bar.hs[t - 1], state_bar, None if keep"
    ),
    "the scan runs its backward pass onward in time (T1*)": Mistake(
        SEQUENCE,
        "bar.final, (tapes, bar.hs, keep), reverse=not reverse",
        "bar.final, (tapes, bar.hs, keep), reverse=reverse",
    ),
    "the gates i and f are swapped (L3*)": Mistake(
        LSTM, "c_bar * g, c_bar * prev.c, c_bar * i", "c_bar * prev.c, c_bar * g, c_bar * i"
    ),
    "the loop ignores the final state's cotangent (T1*)": Mistake(
        SEQUENCE, "keep_of(T, lengths), bar.final, _zeros(p)", "keep_of(T, lengths), _zeros(bar.final), _zeros(p)"
    ),
    "the scan ignores the final state's cotangent (T1*)": Mistake(
        SEQUENCE, "step, bar.final, (tapes, bar.hs, keep)", "step, _zeros(bar.final), (tapes, bar.hs, keep)"
    ),
    "the batch of all steps does not get the state's cotangents (T1*)": Mistake(
        SEQUENCE, "_rows(state_bars)", "_rows(_zeros(state_bars))"
    ),
    "padding hands its cotangent on to no one (T2*)": Mistake(
        SEQUENCE, "given._replace(prev=_add(given.prev, held))", "given"
    ),
}
"""By what is wrong, with the tag of the edge that it breaks."""


def first_failing_test(mistake: Mistake | None) -> str | None:
    """The first of the gradient tests that fails with the mistake (if any) planted, or None if none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ROOT.name
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        if mistake is not None:
            path = copy / "lstm_ref" / mistake.file
            path.write_text(mistake.plant(path.read_text()))
        done = subprocess.run(
            # The tests of planting itself fail wherever a line is not what it was, and so would prove nothing.
            [sys.executable, "-m", "pytest", "tests", "-k", "gradients and not planted", "-x", "-q", "--tb=no"],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in (0, 1):  # neither all passed nor some failed: pytest itself did not work
        raise RuntimeError(done.stdout + done.stderr)
    failed = re.search(r"^(?:FAILED|ERROR) (\S.*?)(?: - |$)", done.stdout, re.MULTILINE)
    return failed[1] if failed else None


def main() -> int:
    """0 if every mistake turns the gradient tests red, which are green without."""
    failed = first_failing_test(None)
    if failed is not None:
        print(f"red    with nothing planted: {failed}: so red means nothing")
        return 1
    print("green  with nothing planted", flush=True)
    survived = 0
    for name, mistake in MISTAKES.items():
        failed = first_failing_test(mistake)
        survived += failed is None
        print(f"{'green' if failed is None else 'red  '}  {name}: {failed or 'NO TEST FAILS'}", flush=True)
    print(f"{len(MISTAKES) - survived} of {len(MISTAKES)} mistakes turn the gradient tests red")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
