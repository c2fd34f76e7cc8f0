"""The true gradient, as the oracles give it."""
