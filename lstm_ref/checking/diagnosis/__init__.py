"""Finds the cause of a wrong gradient."""
