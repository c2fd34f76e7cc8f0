"""Proofs by terms: a derived and a hand-written equation brought to one normal form, for all values and all sizes."""
