"""Maxima that only keep exponentials small: exp(x − m) / Σ exp(x − m) is the softmax of x for any m, max x too.

The adjoint of such a maximum is zero, so people who derive by hand treat it as a constant. An edit of the sweep would
make that adjoint non-zero; the edited gradient would then differ from the gradient of the person who made that mistake.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.graph.sweep import pulls_in, sweep

ZERO = 1e-6
"""Relative to the adjoint of what the maximum is of. Rounding to float32 leaves less."""


def without_stabilisers(graph: Any) -> Any:
    """The same graph; from now on its sweeps treat such maxima as constants. They are found by a sweep at random
    cotangents of the outputs."""
    maxima = [n for n, e in enumerate(graph.equations) if e.primitive == "reduce_max" and graph.is_active[e.results[0]]]
    if not maxima:
        return graph
    rng = np.random.default_rng(0)
    bars = sweep(graph, [rng.standard_normal(np.shape(graph.values[i])) for i in graph.outputs]).bars
    pulls = pulls_in(graph)
    for n in maxima:
        e = graph.equations[n]
        own, whole = bars[e.results[0]], bars[e.operands[0]]
        if own is not None and np.max(np.abs(own), initial=0.0) <= ZERO * np.max(np.abs(whole), initial=0.0):
            pulls[n] = []
    return graph
