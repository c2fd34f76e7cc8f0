"""A Dask cluster as workers of a campaign: `--executor benchmarks.on_dask:executor`.

The cluster is the one whose scheduler DASK_SCHEDULER_ADDRESS names; without it, one of this machine's own cores. Its
workers need this checkout on their PYTHONPATH, and the same packages.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

import dask
from distributed import Client


@contextmanager
def executor() -> Iterator[Executor]:
    """Dask's executor; a cluster that was started for it ends with it."""
    here = {"threads_per_worker": 1, "silence_logs": logging.ERROR}  # a process makes one check at a time
    with Client(**({} if dask.config.get("scheduler-address", None) else here)) as client:
        yield client.get_executor()
