"""Compares an implementation's results with the vectors: how far off is every array, and can rounding explain it?

An element is right if its error is within the smaller of two bounds plus one unit in the last place of the right value
(half a unit for each of the two final roundings). Both bounds come from `checking.verdict.floor`, for the results' own
dtype:

- *derived*: the radii of the same equations in balls of the float's size, less three bits for the elementary functions
of float libraries. It holds for every order of the same sums, and is wide where balls are wide, over many steps. -
*modelled*: m·u·(largest of the arrays of this kind + largest cotangent)·max(1, largest input)², m = min(n, 8·√n) for
n input elements.

With --ulps, an element is right within that number of units in the last place of the correctly rounded value; 0 asks
for equality bit for bit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstm_ref.arithmetic.balls import bits_of_precision, radii
from lstm_ref.arithmetic.dtypes import bits
from lstm_ref.checking.problem import Problem
from lstm_ref.checking.verdict.compare import compare_in_floats
from lstm_ref.checking.verdict.floor import LIBRARY_BITS, modelled
from lstm_ref.errors import BadInput, CannotEvaluate
from lstm_ref.interop.vectors.cases import ROLES, Case, cases, given
from lstm_ref.interop.vectors.diagnosis import diagnosis
from lstm_ref.interop.vectors.files import Set, read_arrays
from lstm_ref.interop.vectors.proven import in_balls
from lstm_ref.leaves import NamedArrays

FLOATS = ("float64", "float32")


class ArrayRow(NamedTuple):
    """The result for one array."""

    array: str
    right: bool
    note: str = ""
    """Why it could not be compared; empty where it was."""
    dtype: str = ""
    shape: tuple[int, ...] = ()
    ulps: float = math.inf
    """The largest error, in units in the last place of the right value in this dtype; inf for NaN."""
    digits: float = 0.0
    """As in `lstm-ref check`: -log10 of the largest error relative to the largest element."""
    worst: tuple[int, ...] = ()
    """The index of the element furthest beyond (or nearest to) its bound."""
    given: str = ""
    expected: str = ""
    wrong: Any = None
    """Which elements are beyond the bound; bools in the array's shape."""


class Verdict(NamedTuple):
    """The result for one problem."""

    name: str
    rows: tuple[ArrayRow, ...]
    missing: tuple[str, ...]
    """Arrays that were not given."""
    findings: tuple[str, ...]
    """What is wrong, the most precise answer first."""

    @property
    def right(self) -> bool:
        """Whether everything that was given is right."""
        return all(row.right for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """All data, JSON-serialisable. Numbers that JSON does not have become null."""
        rows = []
        for row in self.rows:
            facts = {k: v for k, v in row._asdict().items() if k != "wrong"}
            facts |= {k: v if math.isfinite(v) else None for k, v in facts.items() if isinstance(v, float)}
            rows.append(facts | {"wrong_elements": int(np.sum(row.wrong)) if row.wrong is not None else None})
        return {**self._asdict(), "right": self.right, "rows": rows}


def results(path: Path, vectors: Set, problem: str | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Arrays by problem, from a folder with files as in the set, or from one file.

    A single file belongs to the problem that is named, or to the one that its path ends in. Raises BadInput.
    """
    if problem is not None and problem not in vectors.problems:
        raise BadInput(f"no problem is called {problem!r}; {vectors.folder} has {', '.join(vectors.problems)}")
    if path.is_dir():
        files = {name: path / f"{name}.safetensors" for name in vectors.problems if problem in (None, name)}
        files = {name: file for name, file in files.items() if file.exists()}
        if not files:
            raise BadInput(
                f"{path}: contains none of the results {', '.join(f'{n}.safetensors' for n in vectors.problems)}"
            )
        return {name: read_arrays(file) for name, file in files.items()}
    ends = path.with_suffix("").as_posix()
    fitting = [n for n in vectors.problems if f"/{ends}".endswith(f"/{n}")] or [
        n for n in vectors.problems if n.endswith(f"/{path.stem}")
    ]
    if problem is None and len(fitting) != 1:
        raise BadInput(f"{path}: which problem are these of? Name it with --problem: {', '.join(vectors.problems)}")
    return {problem or fitting[0]: read_arrays(path)}


def against(vectors: Set, name: str, found: NamedArrays, ulps: float | None = None) -> Verdict:
    """The verdict on the results of one problem. Raises BadInput for vectors of another version."""
    case, right = case_of(vectors, name), vectors.arrays(name)
    asked = {k: v for k, v in right.items() if k.startswith(tuple(f"{role}." for role in ROLES.values()))}
    bound: dict[str, NamedArrays] = {}
    rows = []
    for array in (*(k for k in asked if k in found), *(k for k in found if k not in asked)):
        v = found[array]
        note = _unfit(array, v, asked)
        if array in right and array not in asked:
            continue  # an input that the results were computed from
        if note:
            rows.append(ArrayRow(array, False, note))
            continue
        dtype = v.dtype.name
        if ulps is None and dtype not in bound:
            bound[dtype] = bounds(case, v.dtype, asked)
        rows.append(_row(array, v, asked[array], None if ulps is None else float(ulps), bound.get(dtype)))
    missing = tuple(array for array in asked if array not in found)
    if not rows:
        raise BadInput(f"{name}: results hold no output, node, adjoint or gradient; the names are {', '.join(asked)}")
    wrong = {row.array: row.wrong for row in rows if not row.note}
    sentences = () if all(row.right for row in rows) else diagnosis(case, asked, {k: found[k] for k in wrong}, wrong)
    return Verdict(name, tuple(rows), missing, tuple(sentences))


def case_of(vectors: Set, name: str) -> Case:
    """The problem in this version. Raises BadInput unless the set has the same one."""
    make = cases().get(name)
    if make is None:
        raise BadInput(f"{vectors.folder}: {name} is unknown to this version of lstm_ref")
    case, theirs = make(), vectors.arrays(name)
    if any(k not in theirs or not np.array_equal(v, theirs[k]) for k, v in given(case).items()):
        raise BadInput(f"{vectors.folder}: {name} has other inputs than in this version: write the set again")
    return case


def bounds(case: Case, dtype: Any, right: NamedArrays) -> dict[str, np.ndarray]:
    """Bounds on the error of a correct implementation in this dtype, by name and element, without the last rounding."""
    try:
        with bits_of_precision(bits(dtype) - LIBRARY_BITS):
            derived = {k: np.nan_to_num(radii(v), nan=np.inf) for k, v in in_balls(case).items()}
    except CannotEvaluate:  # balls of this size cannot decide a comparison
        derived = {k: np.full(v.shape, np.inf) for k, v in right.items()}
    inputs = jax.tree.map(lambda v: v.astype(dtype), case.inputs)
    problem = Problem(case.name, inputs, lambda inputs: inputs, lambda inputs, bar: inputs, is_loss=False)
    found: dict[str, np.ndarray] = {}
    for role in ROLES.values():
        of_role = {k: v for k, v in right.items() if k.startswith(f"{role}.")}
        model = modelled(problem, of_role, case.cotangents)
        found |= {k: np.minimum(derived[k], model[k]) for k in of_role}
    return found


def _unfit(array: str, v: np.ndarray, right: NamedArrays) -> str:
    if array not in right:
        return "is not an array of this problem"
    if v.dtype.name not in FLOATS:
        return f"must be {' or '.join(FLOATS)}, got {v.dtype}"
    if v.shape != right[array].shape:
        return f"must have shape {right[array].shape}, got {v.shape}"
    return ""


def _row(array: str, v: np.ndarray, right: np.ndarray, ulps: float | None, bound: NamedArrays | None) -> ArrayRow:
    expected = right.astype(v.dtype)
    unit = np.spacing(np.abs(expected)).astype(np.float64)
    allowed = unit * ulps if ulps is not None else bound[array] + unit if bound is not None else unit
    # With --ulps, compare with the correctly rounded value; with the derived bound, with the right value itself.
    compared = compare_in_floats(v, expected if ulps is not None else right, 0.0, allowed)
    errors = np.abs(v.astype(np.float64) - expected.astype(np.float64)) / unit
    largest = float(np.max(np.where(np.isnan(errors), np.inf, errors), initial=0.0))
    return ArrayRow(
        array,
        bool(compared.right.all()),
        dtype=v.dtype.name,
        shape=v.shape,
        ulps=largest,
        digits=compared.digits,
        worst=compared.worst,
        given=compared.claimed,
        expected=compared.expected,
        wrong=~compared.right,
    )
