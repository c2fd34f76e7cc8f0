"""cuDNN's flat buffer, as `jax.experimental.rnn` has it: torch's kernels of all layers, then torch's biases of all.

Layers and directions follow each other as pseudo-layers: layer 0 forward, layer 0 backward, layer 1 forward, … The
gates stand in the order i, f, g, o.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

from lstm_ref.arithmetic import concatenate
from lstm_ref.errors import BadInput
from lstm_ref.interop.layout import all_ours, all_theirs, theirs
from lstm_ref.interop.layouts import LAYOUTS

LAYOUT = LAYOUTS["torch.nn.LSTM"]


def flat(layers: Sequence[Any], of: Callable[..., dict[str, Any]] = theirs) -> Any:
    """The buffer (N,) of a stack of LSTMs.

    Args:
        layers: For each layer, its parameters, or `Both` for two directions.
        of: `theirs` for parameters, `their_gradients` for gradients.

    Returns:
        The flat buffer.
    """
    arrays = all_theirs(LAYOUT, layers, of)
    kernels = [v for name, v in arrays.items() if name.startswith("weight")]
    biases = [v for name, v in arrays.items() if name.startswith("bias")]
    return concatenate([v.reshape(-1) for v in (*kernels, *biases)])


def layers_of(buffer: Any, D: int, H: int, layers: int = 1, both: bool = False) -> list[Any]:
    """The parameters of each layer, `Both` for two directions. Raises BadInput for a buffer of another size."""
    marks = [f"l{k}{back}" for k in range(layers) for back in ("", LAYOUT.back)[: 1 + both]]
    reads = {mark: D if mark.startswith("l0") else (1 + both) * H for mark in marks}
    shapes: dict[str, tuple[int, ...]] = {}
    for mark in marks:
        shapes |= {f"weight_ih_{mark}": (4 * H, reads[mark]), f"weight_hh_{mark}": (4 * H, H)}
    for mark in marks:
        shapes |= {f"bias_ih_{mark}": (4 * H,), f"bias_hh_{mark}": (4 * H,)}
    ends = [0, *accumulate(map(prod, shapes.values()))]
    if tuple(buffer.shape) != (ends[-1],):
        raise BadInput(
            f"cuDNN's buffer of {layers} LSTM{'s' * (layers > 1)} with D={D}, H={H}{', both directions' * both} has "
            f"{ends[-1]} numbers, got shape {tuple(buffer.shape)}"
        )
    arrays = {k: buffer[a:b].reshape(s) for (k, s), (a, b) in zip(shapes.items(), pairwise(ends), strict=True)}
    return all_ours(LAYOUT, arrays, layers, both)
