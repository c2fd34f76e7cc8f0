"""What `jax.random` draws in float64 is what it draws in JAX's default mode."""

import threading
from contextlib import suppress

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.random import normal as normal_by_its_name

from lstm_ref.arithmetic.draws import MIXES, mode
from lstm_ref.arithmetic.x64 import x64

# JAX warns where it must narrow what it is given.
pytestmark = pytest.mark.filterwarnings("error")
KEY = jax.random.PRNGKey(7)
DRAWS = {
    "uniform": lambda: jax.random.uniform(KEY, (4, 5)),
    "uniform between": lambda: jax.random.uniform(KEY, (4,), minval=np.float64(-2), maxval=jnp.asarray(3.0)),
    "normal": lambda: jax.random.normal(KEY, (4, 5)),
    "by an imported name": lambda: normal_by_its_name(KEY, (4, 5)),
    "bernoulli": lambda: jax.random.bernoulli(KEY, 0.6, (4, 5)),
    "bernoulli of an array": lambda: jax.random.bernoulli(KEY, jnp.linspace(0.1, 0.9, 9)),
    "randint": lambda: jax.random.randint(KEY, (9,), 0, 1000),
    "categorical": lambda: jax.random.categorical(KEY, jnp.linspace(-1.0, 1.0, 6), shape=(9,)),
    "gumbel": lambda: jax.random.gumbel(KEY, (3,)),
    "truncated_normal": lambda: jax.random.truncated_normal(KEY, -1.0, 1.0, (5,)),
    "choice": lambda: jax.random.choice(KEY, jnp.arange(10.0), (4,), p=jnp.full(10, 0.1)),
    "permutation": lambda: jax.random.permutation(KEY, 9),
    "of a split key": lambda: jax.random.normal(jax.random.split(KEY, 3)[1], (3,)),
    "of a typed key": lambda: jax.random.normal(jax.random.fold_in(jax.random.key(3), 5), (3,)),
    "in a compiled function": lambda: jax.jit(lambda k: jax.random.normal(k, (3,)) * 2)(KEY),
    "in a scan": lambda: jax.lax.scan(lambda k, _: (jax.random.split(k)[0], jax.random.uniform(k)), KEY, None, 3)[1],
    "in a vmap": lambda: jax.vmap(lambda k: jax.random.bernoulli(k, 0.3, (5,)))(jax.random.split(KEY, 3)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_is_drawn_in_float64(name):
    if name.startswith("in a ") and not MIXES:
        pytest.skip("this JAX cannot have both modes in one program: there, a compiled function draws other numbers")
    with mode(False):
        wanted = DRAWS[name]()
    with mode(False), x64():
        found = DRAWS[name]()
    # What is made of the draws may be rounded another way: the erf of `normal` is compiled in either program.
    assert np.allclose(found, wanted, rtol=1e-6, atol=0)
    assert found.dtype == {"f": np.float64, "i": np.int64}.get(wanted.dtype.kind, wanted.dtype)


def test_a_dtype_that_is_asked_for_is_given():
    with mode(False), x64():
        assert jax.random.normal(KEY, (2,), jnp.float32).dtype == np.float32
        assert jax.random.uniform(KEY, (2,), dtype="float32").dtype == np.float32
        assert jax.random.uniform(KEY, (2,), dtype=np.dtype("float32")).dtype == np.float32
        assert jax.random.uniform(KEY, (2,), dtype=np.float32).dtype == np.float32
        wide = jax.random.uniform(KEY, (2,), np.float64)
    with mode(True):
        assert np.array_equal(wide, jax.random.uniform(KEY, (2,), np.float64))


def test_who_computes_in_float64_draws_in_float64():
    with mode(True):
        wanted = jax.random.uniform(KEY, (4,))
        with x64():
            assert np.array_equal(jax.random.uniform(KEY, (4,)), wanted)


def test_afterwards_the_module_is_jaxs_own():
    before = dict(vars(jax.random))
    with mode(False), x64():
        with x64():
            assert jax.random.normal is not before["normal"]
            assert normal_by_its_name is jax.random.normal
        assert jax.random.normal is not before["normal"]
    with mode(False), suppress(ValueError), x64():
        raise ValueError
    assert dict(vars(jax.random)) == before
    assert normal_by_its_name is before["normal"]


def test_a_module_that_is_imported_inside_draws_in_float64_afterwards():
    with mode(False), x64():
        kept = jax.random.uniform
    with mode(True):
        assert np.array_equal(kept(KEY, (4,)), jax.random.uniform(KEY, (4,)))


def test_another_thread_draws_as_it_did():
    with mode(False):
        wanted = jax.random.uniform(KEY, (4,))
        found = []
        with x64():
            thread = threading.Thread(target=lambda: found.append(jax.random.uniform(KEY, (4,))))
            thread.start()
            thread.join()
    assert found[0].dtype == np.float32
    assert np.array_equal(found[0], wanted)
