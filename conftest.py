"""How all tests run: compiled quickly, once for all runs, and a file's tests together."""

import gc
import os
import time

from lstm_ref.commands.verify import quick_to_compile

pytest_plugins = ["quick_tests", "time_by_file"]

KEPT_DAYS = 7
"""How long a compiled program is kept that no run has read."""

# A test compiles for one run, and no tolerance rests on how well XLA optimises; the profile `deep` keeps its defaults.
if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci":
    os.environ.setdefault("XLA_FLAGS", " ".join(quick_to_compile()))


def pytest_configure(config):
    """`-n 2` means loadfile here: the blocks of a derivation page share one namespace, a file's fixtures one worker."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "loadfile"
    if hasattr(config, "cache"):
        keep_compiled(config)


def keep_compiled(config):
    """Let JAX keep what it compiles in pytest's cache, for all workers, processes that tests start, and later runs.

    JAX finds a program by all that decides on the machine code: the program itself, flags, device, versions. So what is
    read is what would be compiled, and a change of our code compiles what it changes. `--cache-clear` forgets it all.
    """
    folder = config.cache.mkdir("compiled")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # shorter ones too
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    if not hasattr(config, "workerinput"):
        for file in folder.iterdir():
            if time.time() - file.stat().st_atime > KEPT_DAYS * 24 * 3600:
                file.unlink(missing_ok=True)


def pytest_collection_finish():
    """What is there by now stays to the end: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()
