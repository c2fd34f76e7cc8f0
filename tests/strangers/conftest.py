"""Keeps pytest from collecting the strangers' files, which the test beside them reads: some are wrong, or end the
process."""

collect_ignore = ["files"]
