"""What stands around a cell: each file a forward that leaves a tape, and the hand-written backward that reads it."""

from lstm_ref.layers import binary_cross_entropy, dense, mean_squared_error, softmax_cross_entropy

__all__ = ["binary_cross_entropy", "dense", "mean_squared_error", "softmax_cross_entropy"]
