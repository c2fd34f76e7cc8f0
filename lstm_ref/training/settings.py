"""The settings that, with the data, decide a run's numbers: frozen dataclasses, whose fields are the command's options.

Every model has a subclass with additional fields (`lstm_ref.tasks`). A field's metadata holds its help text and the
values it may have.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any, ClassVar, get_type_hints

from lstm_ref.arithmetic.x64 import x64
from lstm_ref.errors import BadInput

OPTIMIZERS = ("sgd", "momentum", "adam")


def setting(
    default: Any, says: str, choices: tuple[str, ...] = (), least: int | None = None, most: int = 2**31 - 1
) -> Any:
    """A field with its default, its help text, and the values it may have: one of `choices`, or from `least` to `most`.

    A float may be any positive finite number.
    """
    return field(default=default, metadata={"says": says, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True)
class Settings:
    """The settings common to all models."""

    RATES: ClassVar[dict[str, float]] = {"sgd": 0.5, "momentum": 0.1, "adam": 0.002}
    """Default learning rate of each optimizer."""
    STEPS: ClassVar[int] = 1500
    STEPS_WITHOUT_DATA: ClassVar[int] = 150
    """Default number of updates; and the default for the package's own data."""

    hidden: int = setting(64, "Size H of the hidden state.", least=1)
    batch: int = setting(32, "Sequences in a batch.", least=1)
    optimizer: str = setting("adam", "Rule of the updates.", choices=OPTIMIZERS)
    learning_rate: float = setting(RATES["adam"], "Default by optimizer: sgd 0.5, momentum 0.1, adam 0.002.")
    clip: str = setting(
        "norm",
        "Clip the norm of the whole gradient, or each element, to --clip-bound, after accumulation.",
        choices=("norm", "value", "none"),
    )
    clip_bound: float = setting(1.0, "Bound for --clip.")
    gradients: str = setting("hand", "Use the hand-written gradients, or JAX's.", choices=("hand", "autodiff"))
    seed: int = setting(0, "Seed of the parameters, the held-out part, batches and samples.", least=0, most=2**63 - 1)
    validate_every: int = setting(500, "Steps between validations; 0: only at the end.", least=0)
    patience: int = setting(0, "Stop after this many validations in a row without a new best; 0: never.", least=0)
    float64: bool = setting(False, "Compute in float64.")


def check(settings: Any) -> None:
    """Raises BadInput, with the setting's name, unless every setting has the type and range that a run needs."""
    types = get_type_hints(type(settings))
    for one in fields(settings):
        kind, value, name = types[one.name], getattr(settings, one.name), one.name.replace("_", " ")
        choices, least = one.metadata["choices"], one.metadata["least"]
        if kind is float:
            if not (type(value) in (int, float) and isfinite(value) and value > 0):
                raise BadInput(f"{name} must be a positive finite number, got {value!r}")
        elif type(value) is not kind:
            raise BadInput(f"{name} must be {kind.__name__}, got {value!r}")
        elif choices and value not in choices:
            raise BadInput(f"{name} must be one of {', '.join(choices)}, got {value!r}")
        elif least is not None and value < least:
            raise BadInput(f"{name} must be at least {least}, got {value}")
        elif kind is int and value > one.metadata["most"]:
            raise BadInput(f"{name} must be at most {one.metadata['most']}, got {value}")
    if getattr(settings, "patience", 0) and not settings.validate_every:
        raise BadInput("patience counts validations, but validate every is 0, so there are none to count")


def precision(settings: Settings) -> AbstractContextManager[Any]:
    """Context in which a run with these settings computes."""
    return x64() if settings.float64 else nullcontext()
