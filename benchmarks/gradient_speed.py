"""One gradient of an LSTM at five sizes, float32: ours, and other libraries'.

Forward and backward of one layer: the gradients of parameters, initial state and inputs, for a random cotangent of
every output. Ours are `fast_lstm`, the hand-written pass arranged for speed, with its batch split over one device per
core where possible; the same on one device; and `sequence.bptt`, the reference. The others are JAX's autodiff of the
plain scan; the layers of Flax, Equinox, Haiku and Keras under JAX's autodiff, each jitted; and torch's nn.LSTM, as far
as installed. All have the same numbers, each in its own layout. Before timing, the gradient of the inputs, which has
come all the way back, is compared with float64's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from statistics import geometric_mean, median
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from benchmarks import limits
from benchmarks.claims import Claim
from benchmarks.harness import Contender, Row, Setting, apart, beside, measured, multiples, near, sizes_of, use
from lstm_ref import sequence
from lstm_ref.arithmetic.x64 import x64
from lstm_ref.cells import lstm
from lstm_ref.cells.cell import arrays
from lstm_ref.errors import CannotEvaluate
from lstm_ref.interop.conform.features import FEATURES, FeatureCase, arranged
from lstm_ref.interop.conform.table import module_of
from lstm_ref.interop.layout import theirs
from lstm_ref.interop.layouts import LAYOUTS
from lstm_ref.sequence import Outputs, Through
from lstm_ref.through_time import data_parallel, fast_lstm

SIZES = ((50, 16, 32, 32), (100, 32, 64, 128), (100, 64, 256, 256), (200, 64, 256, 512), (256, 1, 256, 256))
"""T, B, D, H."""
PEERS = {
    "flax LSTMCell": ("flax", "flax.linen.LSTMCell"),
    "flax OptimizedLSTMCell": ("flax", "flax.linen.OptimizedLSTMCell"),
    "equinox": ("equinox", "equinox.nn.LSTMCell"),
    "haiku": ("haiku", "haiku.LSTM"),
    "keras": ("keras", "keras.layers.LSTM"),
}
OURS, REFERENCE, TORCH = "lstm_ref", "sequence.bptt", "torch nn.LSTM"
AUTODIFF = "autodiff of the scan"
GRADIENT = "forward and backward"
FRESH = 2**24
"""Bytes of a tape above which a program takes more memory than glibc's malloc keeps for the next call, 32 MiB at
most."""
UNITS_A_ROW = 16
"""Most hidden units per row of a device for which a batch is split: at every step a device reads all of W_h, however
few its rows. Measured on two cores at T = 20, D = H = 256, 512, 1024: split, 32 rows took 0.9, 1.05, 1.3 times as
long, 64 rows 0.9, 0.9, 1.2 times."""
WORTH = 2**15
"""Least bytes of a step's pre-activations for which a batch is split."""
SECONDS = 3.0
"""Seconds of rounds at each size in each process."""
RUNS = 3
"""Unless another number is asked for."""
FRACTION, NINE_OF_TEN, LEAST = 0.65, 0.9, 0.97
"""What is claimed beside other libraries: our part of the time of JAX's fastest; torch's least, in how many runs."""

Gradient = Callable[[], Any]


def problem(T: int, B: int, D: int, H: int, dtype: Any = np.float32) -> FeatureCase:
    """A random problem: kernels of their size at initialisation, everything else standard normal."""
    rng = np.random.default_rng(0)
    drawn = lambda shape, scale=1.0: (scale * rng.standard_normal(shape)).astype(dtype)  # noqa: E731
    params = jax.tree.map(
        lambda v: drawn(v.shape, 0.1) if v.ndim == 1 else v.astype(dtype), lstm.initial_parameters(rng, D, H)
    )
    state = lambda: arrays(lstm.state_shapes(B, H), drawn)  # noqa: E731
    bar = Outputs(drawn((T, B, H)), [state()])
    return FeatureCase(FEATURES["lstm"], lstm, [params], [state()], drawn((T, B, D)), bar, None)


def by_scan(recurrence: Any, given: FeatureCase, weights: Any, initial: Any, xs: Any) -> Outputs:
    """Our recurrence, with the signature of a framework's forward."""
    hs, final = recurrence(lstm, weights[0], initial[0], xs)
    return Outputs(hs, [final])


def jitted(forward: Any, given: FeatureCase, weights: Any) -> Gradient:
    """Gradients of (weights, initial states, inputs) by a JAX function, compiled."""
    gradients = jax.jit(partial(pullback, partial(forward, given)))
    read = jax.tree.map(jax.numpy.asarray, (weights, given.initial, given.xs, given.bar))
    return lambda: jax.block_until_ready(gradients(*read))


def pullback(forward: Any, weights: Any, initial: Any, xs: Any, bar: Any) -> Any:
    """Gradients of (weights, initial states, inputs), of the cotangents `bar`."""
    return jax.vjp(forward, weights, initial, xs)[1](bar)


def fast(
    given: FeatureCase, backward: bool = True, way: Through = fast_lstm.FAST, over: Sequence[Any] | None = None
) -> Gradient:
    """By `fast_lstm`: gradients of (parameters, initial state, inputs), or outputs.

    The rows are split over the named devices or, by default, over as many as `devices` says.

    If the tape is large, forward and backward are compiled separately. The tape then consists of arrays of its own and
    is not part of the one block of memory that a program takes, which above 32 MiB the system allocates and clears anew
    at every call.
    """
    mesh = Mesh(np.array(over or jax.devices()[: devices(given)]), ("rows",))
    copied, split = partial(data_parallel.copied, mesh), partial(data_parallel.split, mesh)
    way = data_parallel.over(mesh, way) if mesh.size > 1 else way
    read = copied(given.params[0]), split(given.initial[0], axis=0), split(given.xs, axis=1)
    if not backward:
        outputs = jax.jit(lambda *read: way.forward(lstm, *read)[0])
        return lambda: jax.block_until_ready(outputs(*read))
    bar = Outputs(split(given.bar.hs, axis=1), split(given.bar.final[0], axis=0))
    there, back = (jax.jit(partial(half, lstm)) for half in way)

    def gradients(read: Any, bar: Any) -> Any:
        return back(*read, there(*read)[1], bar)

    tape = 6 * given.bar.hs.nbytes // mesh.size  # i, f, g, o, c, h
    run = gradients if tape > FRESH else jax.jit(gradients)
    return lambda: jax.block_until_ready(run(read, bar))


def devices(given: FeatureCase) -> int:
    """The number of devices over which the rows are split."""
    (B, H), all_devices = given.initial[0].h.shape, jax.device_count()
    worth = 4 * B * H * given.dtype.itemsize >= WORTH and H * all_devices <= UNITS_A_ROW * B
    return all_devices if B % all_devices == 0 and worth else 1


def _fast_bptt(cell: Any, *read: Any) -> Outputs:
    return fast_lstm.bptt(*read)


def torchs(given: FeatureCase, backward: bool = True) -> Gradient:
    """torch's native layer: its gradients, or its outputs. Raises ImportError if it cannot use the device."""
    import torch

    on_gpu = jax.default_backend() == "gpu"
    if on_gpu and not torch.cuda.is_available():
        raise ImportError("this torch has no CUDA")
    how: Any = {"dtype": getattr(torch, str(given.dtype)), "device": "cuda" if on_gpu else "cpu"}
    tensor = lambda v, **more: torch.tensor(np.asarray(v, np.float64), **how, **more)  # noqa: E731
    module = torch.nn.LSTM(given.xs.shape[-1], given.initial[0].h.shape[-1], **how)
    weights = theirs(LAYOUTS["torch.nn.LSTM"], given.params[0])
    module.load_state_dict({k: tensor(v) for k, v in weights.items()})
    xs, h, c = (tensor(v, requires_grad=backward) for v in (given.xs, *(s[None] for s in given.initial[0])))
    bars = [tensor(v) for v in (given.bar.hs, *(s[None] for s in given.bar.final[0]))]
    read = [*module.parameters(), h, c, xs]

    def run() -> Any:
        with torch.set_grad_enabled(backward):
            hs, last = module(xs, (h, c))
            found = torch.autograd.grad([hs, *last], read, bars) if backward else (hs,)
        if on_gpu:
            torch.cuda.synchronize()
        return found

    return run


def of_torch(given: FeatureCase) -> Callable[[Any], Any]:
    """The last of torch's results as a NumPy array."""
    return lambda found: found[-1].detach().cpu().double().numpy().astype(given.dtype)


def peers(given: FeatureCase) -> dict[str, tuple[Callable[..., Any], Any]]:
    """By name, the forward and the weights of each other framework that is installed."""
    found = {}
    for name, (framework, layout) in PEERS.items():
        with suppress(ImportError, CannotEvaluate):
            found[name] = module_of(framework).RUNS["lstm"][layout], arranged(LAYOUTS[layout], given)
    return found


def contenders(given: FeatureCase) -> dict[str, Contender]:
    """By name, the function to time, and how to get the gradient of the inputs from its result."""
    of_xs = lambda found: found[2]  # noqa: E731
    found: dict[str, Contender] = {
        OURS: (fast(given), of_xs),
        f"{OURS}, one device": (jitted(partial(by_scan, _fast_bptt), given, given.params), of_xs),
        REFERENCE: (jitted(partial(by_scan, sequence.bptt), given, given.params), of_xs),
        AUTODIFF: (jitted(partial(by_scan, sequence.scan), given, given.params), of_xs),
    }
    for name, (forward, weights) in peers(given).items():
        found[name] = jitted(forward, given, weights), of_xs
    with suppress(ImportError):
        found[TORCH] = torchs(given), of_torch(given)
    return found


def truth(given: FeatureCase, recurrence: Any = sequence.scan) -> Any:
    """Outputs, and gradients of (parameters, initial states, inputs), in float64; by autodiff of the scan, unless
    another recurrence is given."""
    read = given.params, given.initial, given.xs, given.bar
    with x64():
        found = _truth(recurrence, *jax.tree.map(lambda v: jax.numpy.asarray(v, np.float64), read))
        return jax.tree.map(np.asarray, found)


@partial(jax.jit, static_argnums=0)
def _truth(recurrence: Any, params: Any, initial: Any, xs: Any, bar: Any) -> Any:
    outputs, back = jax.vjp(partial(by_scan, recurrence, None), params, initial, xs)
    return outputs.hs, back(bar)


def gradients(size: tuple[int, ...], setting: Setting, seconds: float, **about: Any) -> list[Row]:
    """The rows of one size in float32: the limits, and all contenders."""
    given = problem(*size)
    about |= dict(zip("TBDH", size, strict=True)) | {"dtype": "float32"}
    judge = near(truth(given)[1][2], given.dtype)
    return [
        *limits.rows(size, given.dtype, True, setting, **about),
        *measured(contenders(given), judge, setting, seconds, **about),
    ]


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes."""
    if setting.quick or setting.device == "gpu":
        sizes = SIZES[:1] if setting.quick else SIZES
        return [row for size in sizes for row in gradients(size, setting, SECONDS, what=GRADIENT)]
    about = {"name": OURS, "what": GRADIENT}
    return [
        row
        for size in setting.each(SIZES, "gradient")
        for row in apart("gradient_speed", "alone", size, **about, **dict(zip("TBDH", size, strict=True)))
    ]


def alone(size: tuple[int, ...]) -> list[Row]:
    """The rows of one size, measured in a fresh process: after large arrays, small ones get other places in memory."""
    use("cpu")
    return gradients(size, Setting(), SECONDS, what=GRADIENT)


def table(rows: list[Row]) -> list[Any]:
    """Tables of all times as multiples of ours."""
    return list(beside(rows, OURS))


Sizes = dict[str, dict[str, Row]]
"""By size, and by name, the row of a contender."""


def claims(rows: list[Row]) -> list[Claim]:
    """What is claimed of our time beside torch's, of every JAX contender's and of the fastest JAX library's."""
    sizes: Sizes = {sizes_of(row): {} for row in rows}
    for row in rows:
        if "seconds" in row:
            sizes[sizes_of(row)][row["name"]] = row
    sizes = {of: named for of, named in sizes.items() if OURS in named}
    return [*_beside_torch(sizes), *_beside_jax(sizes), *_beside_the_fastest(sizes)]


def _beside_torch(sizes: Sizes) -> Iterator[Claim]:
    figures = {of: multiples(named[TORCH], named[OURS]) for of, named in sizes.items() if TORCH in named}
    if figures:
        often = [sum(m >= LEAST for m in runs) >= NINE_OF_TEN * len(runs) for runs in figures.values()]
        yield Claim("torch takes at least our time at every size, in the median", _slower(figures), figures)
        yield Claim(f"and at least {LEAST} of it in nine of ten runs", all(often), figures)


def _beside_jax(sizes: Sizes) -> Iterator[Claim]:
    others = [REFERENCE, f"{OURS}, one device", AUTODIFF, *PEERS]
    pairs = [(of, name, named) for of, named in sizes.items() for name in others if name in named]
    figures = {f"{of}, {name}": multiples(named[name], named[OURS]) for of, name, named in pairs}
    if figures:
        of, least = min(figures.items(), key=lambda item: median(item[1]))
        sentence = "nothing in JAX, ours on one device included, is faster at any size, in the median"
        yield Claim(sentence, _slower(figures), {of: least})


def _beside_the_fastest(sizes: Sizes) -> Iterator[Claim]:
    figures = {of: _of_the_fastest(named) for of, named in sizes.items() if set(PEERS) & set(named)}
    if figures:
        mean = [geometric_mean(run) for run in zip(*figures.values(), strict=False)]
        sentence = f"ours takes at most {FRACTION} of the fastest JAX library's time, in the geometric mean"
        yield Claim(sentence, median(mean) <= FRACTION, figures | {"mean": mean})


def _slower(figures: dict[str, list[float]]) -> bool:
    """Whether all take at least our time, to the two decimals that are quoted: some are the same program as ours."""
    return all(round(median(multiples), 2) >= 1 for multiples in figures.values())


def _of_the_fastest(named: dict[str, Row]) -> list[float]:
    """Our time as multiples of that of the JAX library that is fastest in the median."""
    return multiples(named[OURS], min((named[name] for name in PEERS if name in named), key=lambda row: row["seconds"]))
