"""Conformance vectors: correct values of every cell and layer, in files that any language can read; docs/vectors.md."""
