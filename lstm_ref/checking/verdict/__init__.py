"""Compares the claim with the truth: what rounding explains, and what it does not."""
