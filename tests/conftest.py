"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE: `ci` (the default: few examples, the same ones in every run) and
`deep` (many, new ones in every run). JAX on the CPU, in its own default precision: tests ask for float64 themselves."""

import os
import signal

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from hypothesis import HealthCheck, settings

# A shell's background job ignores SIGINT, and so would the tests of Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A first example compiles, so its time says nothing: neither a deadline nor a health check may look at it.
COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("ci", max_examples=20, derandomize=True, database=None, **COMMON)
settings.register_profile("deep", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
