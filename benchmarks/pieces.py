"""How long should a piece of the fast LSTM be, and how is a step's product with W_h computed? Float32.

The gradient as in `gradient`: in pieces of the length that the code chooses, of a quarter to four times as many steps,
and of all steps at once; with W_h as the other factor of its product, and a single row multiplied as one product, not
in blocks (FL2).
"""

from __future__ import annotations

from typing import Any

from benchmarks.gradient_speed import GRADIENT, SIZES, fast, plan_of, problem, size_of, truth
from benchmarks.harness import Contender, Row, Setting, beside, measured, near
from lstm_ref.interop.conform.features import FeatureCase

OURS = "as chosen"
TIMES = (0.25, 0.5, 2, 4)
SECONDS = 3.0


def contenders(given: FeatureCase) -> dict[str, Contender]:
    """By name, the gradient in pieces of that length."""
    T, B, _, _ = size_of(given)
    plan = plan_of(given)
    steps = {f"× {k}": round(k * plan.every) for k in TIMES if 1 <= round(k * plan.every) < T} | {"all at once": T}
    plans = {OURS: plan} | {name: plan._replace(every=every) for name, every in steps.items()}
    plans["other order"] = plan._replace(blocks=1, weights_first=not plan.weights_first)
    if B == 1:
        plans["no blocks"] = plan._replace(blocks=1)
    return {name: (fast(given, plan=plan), lambda found: found.xs) for name, plan in plans.items()}


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes."""
    rows = []
    for size in setting.each(SIZES[:1] if setting.quick else SIZES, "pieces"):
        given = problem(*size)
        about = dict(zip("TBDH", size, strict=True)) | {"dtype": "float32", "what": GRADIENT}
        rows += measured(contenders(given), near(truth(given)[1][2], given.dtype), setting, SECONDS, **about)
    return rows


def table(rows: list[Row]) -> list[Any]:
    """Tables of the other lengths' times as multiples of the chosen length's."""
    return list(beside(rows, OURS))
