"""One gradient of an LSTM at five sizes, float32: ours, and other libraries'.

Forward and backward of one layer: the gradients of parameters, initial state and inputs, for a random cotangent of
every output. Ours are `fast_lstm`, the hand-written pass arranged for speed, by its default plan, which splits the
batch over one device per core where that pays; by the plan that `tune` chooses in the same process before anything is
timed; on one device; and `sequence.bptt`, the reference. The others are JAX's autodiff of the
plain scan; the layers of Flax, Equinox, Haiku and Keras under JAX's autodiff, each jitted; and torch's nn.LSTM, as far
as installed. All have the same numbers, each in its own layout. Before timing, the gradient of the inputs, which has
come all the way back, is compared with float64's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from statistics import geometric_mean, median
from typing import Any

import jax
import numpy as np

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
from lstm_ref.sequence import Outputs
from lstm_ref.through_time import fast_lstm
from lstm_ref.through_time.plan import FastPlan

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
ONE, TUNED = f"{OURS}, one device", f"{OURS}, tuned"
AUTODIFF = "autodiff of the scan"
GRADIENT = "forward and backward"
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


def fast(given: FeatureCase, backward: bool = True, plan: FastPlan | None = None) -> Gradient:
    """By `fast_lstm` and a plan, by default the default one: gradients of (parameters, initial state, inputs), or
    outputs."""
    plan = plan or plan_of(given)
    bar = Outputs(given.bar.hs, given.bar.final[0])
    read = fast_lstm.placed(plan, given.params[0], given.initial[0], given.xs, bar)
    run = fast_lstm.gradients(plan)
    if not backward:
        way = fast_lstm.through(plan)
        outputs = lambda p, initial, xs, bar: way.forward(lstm, p, initial, xs)[0]  # noqa: E731
        run = jax.jit(outputs, compiler_options=fast_lstm.compiler_options(plan) or None)
    return lambda: jax.block_until_ready(run(*read))


def plan_of(given: FeatureCase, devices: int | None = None) -> FastPlan:
    """The default plan of a problem."""
    return fast_lstm.default_plan(*size_of(given), given.dtype, devices=devices)


def size_of(given: FeatureCase) -> tuple[int, int, int, int]:
    """T, B, D, H of a problem."""
    return (*given.xs.shape, given.bar.hs.shape[-1])


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
        ONE: (jitted(partial(by_scan, _fast_bptt), given, given.params), of_xs),
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


def gradients(size: tuple[int, ...], setting: Setting, seconds: float, tuned: bool = False, **about: Any) -> list[Row]:
    """The rows of one size in float32: the limits, and all contenders; if asked, with ours tuned, and its plan."""
    given = problem(*size)
    about |= dict(zip("TBDH", size, strict=True)) | {"dtype": "float32"}
    judge = near(truth(given)[1][2], given.dtype)
    found = contenders(given)
    plan = tuned_plan(given, setting) if tuned else None
    if plan:
        found[TUNED] = fast(given, plan=plan), lambda found: found.xs
    return [
        *limits.rows(size, given.dtype, True, setting, **about),
        *(
            row | {"plan": str(plan)} if row["name"] == TUNED else row
            for row in measured(found, judge, setting, seconds, **about)
        ),
    ]


def tuned_plan(given: FeatureCase, setting: Setting) -> FastPlan:
    """What `tune` chooses, measured anew: no plan of an earlier run is read, and none is left in the user's folder."""
    how = {"seconds": 0.0} if setting.quick else {}
    return fast_lstm.tune(*size_of(given), given.dtype, cache=False, **how)


def measure(setting: Setting) -> list[Row]:
    """Rows of all sizes."""
    if setting.quick or setting.device == "gpu":
        sizes = SIZES[:1] if setting.quick else SIZES
        return [row for size in sizes for row in gradients(size, setting, SECONDS, True, what=GRADIENT)]
    about = {"name": OURS, "what": GRADIENT}
    return [
        row
        for size in setting.each(SIZES, "gradient")
        for row in apart("gradient_speed", "alone", size, **about, **dict(zip("TBDH", size, strict=True)))
    ]


def alone(size: tuple[int, ...]) -> list[Row]:
    """The rows of one size, measured in a fresh process: after large arrays, small ones get other places in memory."""
    use("cpu")
    return gradients(size, Setting(), SECONDS, True, what=GRADIENT)


def table(rows: list[Row]) -> list[Any]:
    """Tables of all times as multiples of ours."""
    return list(beside(rows, OURS))


Sizes = dict[str, dict[str, Row]]
"""By size, and by name, the row of a contender."""


def claims(rows: list[Row]) -> list[Claim]:
    """What is claimed of our time beside torch's, of JAX's contenders and of its fastest library, and of tuning."""
    sizes: Sizes = {sizes_of(row): {} for row in rows}
    for row in rows:
        if "seconds" in row:
            sizes[sizes_of(row)][row["name"]] = row
    sizes = {of: named for of, named in sizes.items() if OURS in named}
    return [*_beside_torch(sizes), *_beside_jax(sizes), *_beside_the_fastest(sizes), *_tuned(sizes)]


def _beside_torch(sizes: Sizes) -> Iterator[Claim]:
    figures = {of: multiples(named[TORCH], named[OURS]) for of, named in sizes.items() if TORCH in named}
    if figures:
        often = [sum(m >= LEAST for m in runs) >= NINE_OF_TEN * len(runs) for runs in figures.values()]
        yield Claim("torch takes at least our time at every size, in the median", _slower(figures), figures)
        yield Claim(f"and at least {LEAST} of it in nine of ten runs", all(often), figures)


def _beside_jax(sizes: Sizes) -> Iterator[Claim]:
    sentence = "nothing in JAX, ours on one device included, is faster at any size, in the median"
    yield from _none_faster(sentence, sizes, OURS, [REFERENCE, ONE, AUTODIFF, *PEERS])


def _tuned(sizes: Sizes) -> Iterator[Claim]:
    sentence = "tuned: never slower than ours by default, on one device, or the scan, in the median"
    yield from _none_faster(sentence, sizes, TUNED, [OURS, ONE, REFERENCE])


def _none_faster(sentence: str, sizes: Sizes, base: str, others: list[str]) -> Iterator[Claim]:
    """The claim that none of the others is faster than `base` at any size, with the figures of the nearest."""
    pairs = [(of, name, named) for of, named in sizes.items() for name in others if {base, name} <= set(named)]
    figures = {f"{of}, {name}": multiples(named[name], named[base]) for of, name, named in pairs}
    if figures:
        of, least = min(figures.items(), key=lambda item: median(item[1]))
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
