"""What is compiled is kept for the next run, and computes the same bits when it is read."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest
from compiled_once import KEPT, PROGRAMS, makes_a_context_for_each_program, of_this_thread, tidy
from jax._src.interpreters import mlir
from jax.experimental.compilation_cache import compilation_cache

from lstm_ref.cells import CELLS
from lstm_ref.commands import running


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


def test_a_check_compiles_the_same_program_once_and_leaves_the_users_configuration(events, tmp_path):
    """The user's, who has set no cache; and, at the end, who has set one."""
    settings = ("jax_compilation_cache_dir", *(f"jax_persistent_cache_min_{of}" for of in LEAST))
    mine = {name: getattr(jax.config, name) for name in settings}
    theirs = dict(zip(settings, (None, 1.0, 0), strict=True))
    try:
        configured(theirs)
        with running.compiled_once():
            folder = Path(jax.config.jax_compilation_cache_dir)
            compiled_anew(0)
            events.clear()
            compiled_anew(0)
            assert (events.count("cache_hits"), events.count("cache_misses")) == (1, 0)
        assert not folder.exists()
        assert {name: getattr(jax.config, name) for name in settings} == theirs
        events.clear()
        compiled_anew(0)
        assert events.count("cache_hits") == 0
        configured(theirs | {"jax_compilation_cache_dir": str(tmp_path)})
        with running.compiled_once():
            assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        configured(mine)


LEAST = ("compile_time_secs", "entry_size_bytes")


def configured(settings):
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_a_thread_makes_one_context_for_many_programs_and_another_while_that_is_in_use():
    in_use = []
    make = of_this_thread(object, lambda: bool(in_use))
    some = [make() for _ in range(PROGRAMS)]
    assert len({id(v) for v in some}) == 1
    in_use.append(some[0])
    within = make()
    in_use.clear()
    with ThreadPoolExecutor(1) as other:
        there = other.submit(make).result()
    assert len({id(v) for v in (some[0], within, there, make())}) == 4


@pytest.mark.skipif(not makes_a_context_for_each_program(), reason="this JAX has one context for many by itself")
def test_programs_are_lowered_in_one_context_but_not_within_one_another():
    made = [mlir.make_ir_context() for _ in range(PROGRAMS)]
    assert len({id(v) for v in made}) <= 2  # those before were part of a hundred
    one = made[-1]
    with one:
        assert mlir.make_ir_context() is not one
