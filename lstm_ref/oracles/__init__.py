"""Independent ways to compute a gradient, one file each, all `oracle(function, inputs, cotangent) -> Estimate`."""

from lstm_ref.oracles.balls import balls
from lstm_ref.oracles.complex_step import complex_step
from lstm_ref.oracles.differences import differences
from lstm_ref.oracles.estimate import Estimate
from lstm_ref.oracles.forward import forward
from lstm_ref.oracles.reverse import reverse
from lstm_ref.oracles.torch_autograd import torch_autograd
from lstm_ref.oracles.trace import trace_oracle

ORACLES = {
    "balls": balls,
    "complex": complex_step,
    "reverse": reverse,
    "trace": trace_oracle,
    "forward": forward,
    "differences": differences,
    "torch": torch_autograd,
}
"""The oracles by the names that reports and the command line use, the sharpest first."""

__all__ = [
    "ORACLES",
    "Estimate",
    "balls",
    "complex_step",
    "differences",
    "forward",
    "reverse",
    "torch_autograd",
    "trace_oracle",
]
