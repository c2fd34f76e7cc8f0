"""What is compiled is kept for the next run, and computes the same bits when it is read."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
from compiled_once import KEPT, tidy

from lstm_ref.cells import CELLS


def compiled_anew(seed):
    """The step of an LSTM as a new program of the same text, which JAX has to compile or to find."""

    def kept_step(p, state, x):
        return CELLS["lstm"].forward(p, state, x)[0]

    rng = np.random.default_rng(seed)
    p, x = CELLS["lstm"].initial_parameters(rng, 3, 5), rng.standard_normal((2, 3))
    state = CELLS["lstm"].state_shapes(2, 5)
    state = type(state)(*(rng.standard_normal(shape) for shape in state))
    return jax.tree.map(np.asarray, jax.jit(kept_step)(p, state, x))


@pytest.fixture(scope="module")
def events():
    """What JAX tells of its cache, from now on."""
    told = []
    jax.monitoring.register_event_listener(lambda name, **_: told.append(name.rpartition("/")[2]))
    return told


def test_what_is_read_computes_the_bits_of_what_was_compiled(events):
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    if not folder.is_absolute():
        pytest.skip("this run keeps nothing")
    assert jax.config.jax_compilation_cache_dir == str(folder)
    for file in folder.glob("jit_kept_step-*"):
        file.unlink()
    compiled, missed = compiled_anew(0), events.count("cache_misses")
    events.clear()
    read, hit = compiled_anew(0), events.count("cache_hits")
    assert (missed, hit, events.count("cache_misses")) == (1, 1, 0)
    jax.tree.map(np.testing.assert_array_equal, read, compiled)


def test_what_no_run_has_read_for_long_is_deleted_and_what_is_empty(tmp_path):
    now = 1e9
    for name, text, read in (("new", "a", now - 1), ("old", "a", now - KEPT - 1), ("empty", "", now)):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (read, read))
    tidy(tmp_path, now)
    assert [file.name for file in tmp_path.iterdir()] == ["new"]
