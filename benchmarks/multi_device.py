"""What is gained by splitting a batch over devices? One gradient of an LSTM, float32, on threads of the CPU.

The gradient by `fast_lstm` over 1, 2, 4 and 8 devices, each number in its own process, in turns with the same batch on
one of them. First one batch is split ever finer; then every device gets equally many rows. The gain is at most the
number of cores, less those that one device's matrix products already use. With a split batch, the gradients of the
parameters are sums over the devices, so they are judged too.
"""

from __future__ import annotations

from typing import Any

import jax

from benchmarks.gradient_speed import ONE, OURS, fast, plan_of, problem, truth
from benchmarks.harness import Elsewhere, Row, Setting, apart, beside, measured, near

DEVICES = (1, 2, 4, 8)
SIZE = (100, 64, 64, 128)
"""T, B, D, H of the batch that is split."""
ROWS = 16
"""T, B, D, H of each device's batch, if every device gets equally many rows."""
SPLIT, EACH = "one batch, split", "as many rows for every device"
SECONDS = 4.0


def measure(setting: Setting) -> list[Row]:
    """Rows of both ways to share the work, for every number of devices."""
    if setting.device != "cpu":
        raise Elsewhere("the devices are threads of the CPU: ask with --device cpu")
    T, B, D, H = SIZE
    asked = [(what, n, B if what == SPLIT else ROWS * n) for what in (SPLIT, EACH) for n in DEVICES]
    if setting.quick:
        asked = [(SPLIT, 2, 2)]
        T, D, H = 3, 2, 2
    rows = []
    for what, n, rows_of_all in setting.each(asked, "devices"):
        about = {"what": what, "name": OURS, "dtype": "float32", "devices": n}
        about |= dict(zip("TBDH", (T, rows_of_all, D, H), strict=True))
        rows += apart("multi_device", "timed", about, setting, **about)
    return rows


def timed(about: Row, setting: Setting) -> list[Row]:
    """The rows of one number of devices, measured in a fresh process."""
    jax.config.update("jax_num_cpu_devices", about["devices"])
    given = problem(*(about[k] for k in "TBDH"))
    _, (p_bars, initial_bars, xs_bar) = truth(given)
    contenders: dict[str, Any] = {
        OURS: (fast(given, plan=plan_of(given, devices=about["devices"])), lambda found: found),
        ONE: (fast(given, plan=plan_of(given, devices=1)), lambda found: found),
    }
    judge = near((p_bars[0], initial_bars[0], xs_bar), given.dtype)
    return measured(contenders, judge, setting, SECONDS, **about)


def table(rows: list[Row]) -> list[Any]:
    """Tables of a split batch's time as a multiple of one device's."""
    return list(beside(rows, ONE))
