"""A Ray cluster as workers of a campaign: `--executor benchmarks.on_ray:executor`.

The cluster is the one that RAY_ADDRESS names; without it, one of this machine's own cores. Its workers need this
checkout on their PYTHONPATH, and the same packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import ray


class _RayExecutor(Executor):
    """Ray has tasks and references to their results, but no executor."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """The future result of a call on some worker."""
        return ray.remote(function).remote(*arguments, **options).future()


@contextmanager
def executor() -> Iterator[Executor]:
    """Ray's tasks, as an executor; a cluster that was started for it ends with it."""
    with ray.init(log_to_driver=False):
        yield _RayExecutor()
