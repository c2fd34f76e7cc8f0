"""Derivation files: plain Python files that contain a claim."""
