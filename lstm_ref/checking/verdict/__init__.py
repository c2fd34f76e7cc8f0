"""The claim beside the truth: what rounding explains, and what it does not."""
