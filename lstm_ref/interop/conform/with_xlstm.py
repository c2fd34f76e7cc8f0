"""xLSTM: the sLSTM cell of its authors' package, in its vanilla backend, which torch differentiates."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch
from xlstm.blocks.slstm.cell import sLSTMCell, sLSTMCellConfig

from lstm_ref.interop.conform.features import FeatureCase
from lstm_ref.interop.conform.with_torch import answer as answer
from lstm_ref.shapes import Outputs

VERSION = version("xlstm")
DTYPES = ("float32",)
WITHOUT = "no float64: the configuration of a cell has no such dtype; its mLSTM adds 1e-6 to the denominator: a variant"
LACKS: dict[str, str] = {}
TRAPS = ("enable_automatic_mixed_precision computes in bfloat16 (here it is off)",)


def _cell(given: FeatureCase, weights: list[dict[str, Any]], initial: list[Any], xs: Any) -> Outputs:
    (p,), (start,) = weights, initial
    heads = len(p["recurrent_kernel"])
    options = dict.fromkeys(("dtype", "dtype_b", "dtype_r", "dtype_w", "dtype_g", "dtype_s", "dtype_a"), "float32")
    config = sLSTMCellConfig(
        hidden_size=start.h.shape[-1],
        num_heads=heads,
        backend="vanilla",
        input_shape="SBGNH",
        output_shape="SBH",
        enable_automatic_mixed_precision=False,
        **options,
    )
    cell = sLSTMCell(config)
    stored = {
        "_recurrent_kernel_": cell._recurrent_kernel_ext2int(p["recurrent_kernel"]),
        "_bias_": cell._bias_ext2int(p["bias"]),
    }
    read = torch.einsum("tbd,dgnh->tbgnh", xs, p["W"]).flatten(2)
    hs, final = torch.func.functional_call(cell, stored, (read, torch.stack(tuple(start))))
    return Outputs(hs, [type(start)(*final)])


RUNS = {"slstm": {"xlstm.sLSTMCell": _cell}}
