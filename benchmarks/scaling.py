"""How the time of one gradient grows with T, with B and with H, float32, and the exponents fitted to it.

It should be linear in T and B, and at most quadratic in H. The exponent is the slope of a line fitted by least squares
to the logarithms, over the upper half of the sizes, where fixed costs per call and per step no longer matter. In B it
is below 1 while there are fewer rows than the machine computes at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.gradient_speed import OURS, gradients
from benchmarks.harness import Row, Setting, beside

POWERS = [2**n for n in range(12)]
AXES: dict[str, list[tuple[int, int, int, int]]] = {
    "T": [(T, 8, 64, 64) for T in POWERS[4:]],
    "B": [(20, B, 64, 64) for B in POWERS[:11]],
    "H": [(20, 32, 64, H) for H in (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)],
}
"""Sizes T, B, D, H along each axis."""
AT_MOST = {"T": 1, "B": 1, "H": 2}
SECONDS = 1.0


def measure(setting: Setting) -> list[Row]:
    """Rows of every size along every axis, and an exponent of each contender along each."""
    axes = {axis: sizes[:2] for axis, sizes in AXES.items()} if setting.quick else AXES
    each = [(axis, size) for axis, sizes in axes.items() for size in sizes]
    rows: list[Row] = []
    for axis, size in setting.each(each, "scaling"):
        rows += gradients(size, setting, SECONDS, what=f"against {axis}")
    return rows + [fit for axis in axes for fit in exponents(rows, axis)]


def exponents(rows: list[Row], axis: str, field: str = "seconds") -> list[Row]:
    """For each contender along the axis, the exponent, its standard error, and the sizes it was fitted to."""
    along = [row for row in rows if row["what"] == f"against {axis}" and not row["name"].startswith("limit")]
    found = []
    for name in dict.fromkeys(row["name"] for row in along):
        points = sorted((row[axis], row[field]) for row in along if row["name"] == name and field in row)
        upper = points[-max(2, len(points) // 2) :]
        if len(upper) < 2:  # too few rows: the contender was wrong
            continue
        x, y = np.log(upper).T
        x = x - x.mean()
        slope = float(x @ y / (x @ x))
        off = y - y.mean() - slope * x
        error = float(np.sqrt(off @ off / (len(x) - 2) / (x @ x))) if len(x) > 2 else 0.0
        fit = {"exponent": slope, "standard_error": error, "points": [size for size, _ in upper]}
        found.append({"what": f"exponent in {axis}", "name": name, **fit})
    return found


def table(rows: list[Row]) -> list[Any]:
    """Tables of the exponents, then of all times as multiples of ours."""
    return [*fitted(rows, "time", AT_MOST), *beside([row for row in rows if "exponent" not in row], OURS)]


def fitted(rows: list[Row], what: str, claims: dict[str, float]) -> list[Any]:
    """A table of each contender's exponents by axis, beside our claims, and the sizes they were fitted to."""
    fits = Table(title=f"{what} grows as size to the power of (± standard error of the fit)", title_justify="left")
    of = {(row["name"], row["what"]): row for row in rows if "exponent" in row}
    for head in ("", *(f"{axis} (claim: at most {most})" for axis, most in claims.items())):
        fits.add_column(head, justify="right")
    for name in dict.fromkeys(name for name, _ in of):
        cells = [of.get((name, f"exponent in {axis}")) for axis in claims]
        fits.add_row(name, *(f"{r['exponent']:.2f} ± {r['standard_error']:.2f}" if r else "" for r in cells))
    used = dict.fromkeys((row["what"], *row["points"]) for row in rows if "exponent" in row)
    said = [f"{what}: fitted to {', '.join(map(str, points))}" for what, *points in used]
    return [fits, *said]
