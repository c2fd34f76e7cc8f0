"""The gradient by the oracles."""
