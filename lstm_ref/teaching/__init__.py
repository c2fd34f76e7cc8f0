"""Exercises: a backward pass with a mistake to mend, and derivation pages with their equations left blank."""
