"""Tools for derivation pages: a worked step of a cell, and adjoints by probes."""
