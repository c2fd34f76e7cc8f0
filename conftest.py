"""How all tests run: compiled quickly, and once for all runs, and a file's tests together."""

import atexit
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


# What is imported stays: it need not be searched for garbage again and again, nor once more at the end.
gc.set_threshold(100_000, 10, 10)
atexit.register(gc.freeze)


def pytest_collection_finish():
    """What is there by now stays to the end."""
    gc.freeze()


def pytest_sessionfinish():
    """What is left by now goes with the process: pytest would go through it five times."""
    gc.freeze()
