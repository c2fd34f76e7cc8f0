"""How long should a piece of the fast LSTM be, and what do blocks of one row gain? Float32.

The gradient as in `gradient`: in pieces of the length that the code chooses, of a quarter to four times as many steps,
and of all steps at once; and with a single row multiplied as one product, not in blocks (FL2).
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from benchmarks.gradient_speed import GRADIENT, SIZES, devices, fast, problem, truth
from benchmarks.harness import Contender, Row, Setting, beside, measured, near
from lstm_ref.interop.conform.features import FeatureCase
from lstm_ref.sequence import Through
from lstm_ref.through_time import fast_lstm

OURS = "as chosen"
TIMES = (0.25, 0.5, 2, 4)
SECONDS = 3.0


def contenders(given: FeatureCase) -> dict[str, Contender]:
    """By name, the gradient in pieces of that length."""
    T, B, H = given.bar.hs.shape
    chosen = fast_lstm.piece_length(T, B // devices(given), H, given.dtype.itemsize)
    steps = {OURS: chosen} | {f"× {k}": round(k * chosen) for k in TIMES if 1 <= round(k * chosen) < T}
    steps["all at once"] = T
    runs = {name: fast(given, way=fast_lstm.with_pieces_of(every)) for name, every in steps.items()}
    if B == 1:
        runs["no blocks"] = fast(
            given, way=Through(_without_blocks(fast_lstm.forward), _without_blocks(fast_lstm.backward))
        )
    return {name: (run, lambda found: found.xs) for name, run in runs.items()}


def _without_blocks(half: Any) -> Any:
    """Forward or backward with a single row multiplied as one product; traced anew, because JAX remembers traces."""
    traced = {name: getattr(fast_lstm, name).__wrapped__ for name in ("_forward", "_backward")}

    def run(*arguments: Any) -> Any:
        with mock.patch.multiple(fast_lstm, _times=lambda w, B: lambda v: v @ w, **traced):
            return half(*arguments)

    return run


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
