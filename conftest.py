"""How all tests run: compiled quickly, and once for all runs, and a file's tests together."""

import gc
import os

from lstm_ref.commands.verify import quick_to_compile

pytest_plugins = ["quick_tests", "time_by_file", "compiled_once"]

# A test compiles for one run, and no tolerance rests on how well XLA optimises; the profile `deep` keeps its defaults.
if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci":
    os.environ.setdefault("XLA_FLAGS", " ".join(quick_to_compile()))


def pytest_configure(config):
    """`-n 2` means loadfile here: the blocks of a derivation page share one namespace, a file's fixtures one worker."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "loadfile"


def pytest_collection_finish():
    """What is there by now stays to the end: the garbage collector need not go through it again and again."""
    gc.freeze()
