"""Derivation files: plain Python files that hold a claim."""
