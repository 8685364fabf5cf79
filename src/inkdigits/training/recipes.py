"""What a training run does, as rows of a table; a flag overrides any field.

Plain data: imports no framework, so that help and checks cost nothing. A Recipe is checked once,
at birth, before any data is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from inkdigits.errors import ConfigError
from inkdigits.training.networks import is_module, network_named

Schedule = Literal["constant", "one_cycle"]
Precision = Literal["float32", "bfloat16", "fastest"]
Heeded = Literal["always", "right"]
Keep = Literal["last", "best_loss"]


class Within(NamedTuple):
    """The values that a number may have."""

    low: float
    high: float
    words: str  # the same, for people


_SHARE = Within(0, 0.9, "0 to 0.9")
_OR_OFF = Within(0, 10_000, "0 (off) or more epochs")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every setting of a run. Times are in epochs, lengths in pixels of 28, angles in degrees.

    Each field has its meaning, as help shows it, and a number what it may be. Raises ConfigError
    that names the field, what it is and what it may be.
    """

    name: str
    # A row of training.networks, the text of one, or FILE.py:NAME, a PyTorch module.
    network: Annotated[str, "Network to train"]
    epochs: Annotated[int, "Passes over the training set", Within(1, 10_000, "1 to 10,000")]
    batch_size: Annotated[
        int,
        "Images in a step",
        Within(2, 60_000, "2 to 60,000 (batch normalisation needs two)"),
    ]
    learning_rate: Annotated[
        float, "Peak of the learning rate", Within(1e-9, 100, "over 0, at most 100")
    ]
    # one_cycle: cosine up over warmup_share, cosine down to 0
    schedule: Annotated[Schedule, "Course of the learning rate"]
    warmup_share: Annotated[float, "Share of the steps in which the rate rises", _SHARE] = 0.3
    beta1: Annotated[
        float, "Adam's decay of the mean gradient", Within(0, 0.99999, "0 to under 1")
    ] = 0.9
    beta2: Annotated[
        float, "Adam's decay of the squared gradient", Within(0, 0.999999, "0 to under 1")
    ] = 0.999
    epsilon: Annotated[float, "Adam's epsilon", Within(1e-16, 1, "over 0, at most 1")] = 1e-8
    weight_decay: Annotated[float, "AdamW's, times the learning rate", Within(0, 10, "0 to 10")] = (
        0.0
    )
    label_smoothing: Annotated[float, "Share of the truth spread over all digits", _SHARE] = 0.0
    teacher_share: Annotated[
        float,
        "Share of the truth that is the teacher's answer",
        Within(0, 1, "0 (no teacher) to 1"),
    ] = 0.0
    # Copies of the set, each augmented differently. The teacher answers them once, and the epochs
    # take them in turn.
    teacher_views: Annotated[
        int,
        "Augmented copies of the set that the teacher answers",
        Within(0, 100, "0 (asked at every batch) to 100 copies"),
    ] = 0
    # right: where a teacher's answer is not the label the label stands, as of digits that it is
    # known to read wrong. always: also where augmentation made one digit look like another.
    teacher_heeded: Annotated[Heeded, "Use the teacher's answer always, or only if it is right"] = (
        "always"
    )
    nondigit_share: Annotated[  # added to a batch: the data's non-digits, truth all ten
        float, "Non-digits in a step, as a share of its digits", Within(0, 1, "0 (none) to 1")
    ] = 0.0
    average_decay: Annotated[
        float,
        "Decay of the moving average of weights that is evaluated",
        Within(0, 0.99999, "0 (off) to under 1"),
    ] = 0.0
    # Of convolutions and products; weights stay float32.
    precision: Annotated[Precision, "Number type; fastest: bfloat16 if it is faster here"] = (
        "float32"
    )
    rotate: Annotated[
        float, "Augmentation: rotation either way", Within(0, 180, "0 to 180 degrees")
    ] = 0.0
    scale: Annotated[float, "Augmentation: scaling either way; 0.1 is 90 % to 110 %", _SHARE] = 0.0
    shear: Annotated[
        float, "Augmentation: slant either way, as its tangent", Within(0, 2, "0 to 2")
    ] = 0.0
    shift: Annotated[float, "Augmentation: shift either way", Within(0, 14, "0 to 14 pixels")] = 0.0
    early_stopping: Annotated[
        int, "End after so many epochs without a lower validation loss", _OR_OFF
    ] = 0
    plateau: Annotated[int, "Cut the rate after so many such epochs", _OR_OFF] = 0
    plateau_factor: Annotated[
        float, "Factor of the rate at such a cut", Within(0.001, 0.999, "between 0 and 1")
    ] = 0.5
    keep: Annotated[Keep, "The epoch whose weights are kept"] = "last"
    validation_share: Annotated[  # 0 trains on all of it
        float, "Share of the training set held out for validation", _SHARE
    ] = 0.1
    settle: Annotated[  # they pass as they are, not augmented
        int,
        "Images for batch normalisation's statistics at the end",
        Within(0, 10_000_000, "0 (off) or more images"),
    ] = 0
    calibrate: Annotated[  # it is folded into the weights
        bool, "Fit a temperature on the validation set"
    ] = False

    def __post_init__(self) -> None:
        for name, field in FIELDS.items():
            value = getattr(self, name)
            if field.kind is float and isinstance(value, int):  # 7 and 7.0 are one setting
                object.__setattr__(self, name, _as_float(value))
        if not is_module(self.network):
            network_named(self.network)
        for name, field in FIELDS.items():
            field.check(name, getattr(self, name))
        if self.validation_share == 0:
            for name in ("early_stopping", "plateau"):
                if getattr(self, name):
                    raise ConfigError(
                        f"{name} is {getattr(self, name)} but validation_share is 0: there is no "
                        f"validation loss to watch; set {name} to 0 or keep a validation set"
                    )
            if self.keep != "last":
                raise ConfigError(
                    f"keep is {self.keep} but validation_share is 0: no epoch can be called best; "
                    "set keep to last or keep a validation set"
                )

    @property
    def augments(self) -> bool:
        """Whether training images are moved about at all."""
        return any((self.rotate, self.scale, self.shear, self.shift))

    def with_overrides(self, overrides: Mapping[str, object]) -> Recipe:
        """This recipe with some fields replaced. Raises ConfigError for an unknown field."""
        known = {*FIELDS, "name"}
        for field in overrides:
            if field not in known:
                raise ConfigError(f"no setting {field!r}; there are {', '.join(sorted(known))}")
        return replace(self, **overrides)  # type: ignore[arg-type]


class Field(NamedTuple):
    """A setting of a recipe, as its annotation has it."""

    kind: Any  # int, float, bool, str or a Literal
    meaning: str
    within: Within | None

    @property
    def values(self) -> str:
        """The values that it may have, in words; empty where its kind tells it."""
        return self.within.words if self.within else ", ".join(map(str, get_args(self.kind)))

    def check(self, name: str, value: Any) -> None:
        """Raise ConfigError unless the field may have the value."""
        if self.within is not None:
            low, high, words = self.within
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"{name} is {value}, expected {words}")
        elif get_origin(self.kind) is Literal and value not in get_args(self.kind):
            raise ConfigError(f"{name} is {value!r}, expected one of {self.values}")


def _field(annotated: Any) -> Field:
    kind, meaning, *within = get_args(annotated)
    return Field(kind, meaning, within[0] if within else None)


FIELDS: dict[str, Field] = {
    name: _field(kind)
    for name, kind in get_type_hints(Recipe, include_extras=True).items()
    if name != "name"
}


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # The student project's settings, unchanged.
        Recipe(
            name="original",
            network="original",
            epochs=30,
            batch_size=128,
            learning_rate=1e-3,
            schedule="constant",
            epsilon=1e-7,
            early_stopping=5,
            plateau=3,
            keep="best_loss",
        ),
        # 99 % in the time it takes to read this sentence.
        Recipe(
            name="flash",
            network="tiny",
            epochs=1,
            batch_size=256,
            learning_rate=2e-2,
            schedule="one_cycle",
            beta2=0.99,
            label_smoothing=0.05,
            precision="fastest",
            calibrate=True,
        ),
        Recipe(
            name="fast",
            network="compact",
            epochs=5,
            batch_size=256,
            learning_rate=1e-2,
            schedule="one_cycle",
            beta2=0.99,
            label_smoothing=0.05,
            precision="fastest",
            rotate=7,
            scale=0.07,
            shear=0.1,
            shift=2,
            calibrate=True,
        ),
        # One network as accurate as we could make it in minutes.
        Recipe(
            name="best",
            network="wider",
            epochs=20,
            batch_size=256,
            learning_rate=5e-3,
            schedule="one_cycle",
            beta2=0.99,
            label_smoothing=0.05,
            precision="fastest",
            rotate=12,
            scale=0.12,
            shear=0.15,
            shift=2,
            settle=20_000,
            calibrate=True,
        ),
        # What an ensemble knows, in one small network. Needs --teacher.
        Recipe(
            name="distilled",
            network="wide",
            epochs=20,
            batch_size=256,
            learning_rate=1e-2,
            schedule="one_cycle",
            beta2=0.99,
            teacher_share=1.0,
            teacher_views=4,
            precision="fastest",
            rotate=12,
            scale=0.12,
            shear=0.15,
            shift=2,
            settle=20_000,
            calibrate=True,
        ),
        # Digits as pictures show them, and non-digits; the data come from `data make`.
        Recipe(
            name="pictures",
            network="wide",
            epochs=18,
            batch_size=256,
            learning_rate=6e-3,
            schedule="one_cycle",
            beta2=0.99,
            nondigit_share=0.1,
            precision="fastest",
            rotate=10,
            scale=0.1,
            shear=0.15,
            shift=2,
            settle=20_000,
            calibrate=True,
        ),
        # A larger network's answers to most digits, in a twentieth of its time. Needs --teacher.
        Recipe(
            name="first",
            network="nano",
            epochs=12,
            batch_size=256,
            learning_rate=1e-2,
            schedule="one_cycle",
            beta2=0.99,
            teacher_share=1.0,
            teacher_views=2,
            nondigit_share=0.1,
            precision="fastest",
            rotate=10,
            scale=0.1,
            shear=0.15,
            shift=2,
            settle=20_000,
            calibrate=True,
        ),
        # Fine-tuning: given weights, one's own digits, small steps, small batches.
        Recipe(
            name="finetune",
            network="compact",
            epochs=10,
            batch_size=32,
            learning_rate=1e-3,
            schedule="one_cycle",
            warmup_share=0.1,
            beta2=0.99,
            label_smoothing=0.05,
            rotate=7,
            scale=0.07,
            shear=0.1,
            shift=2,
            calibrate=True,
        ),
        # To add a few of one's own digits to what a model knows. Its answers are most of the truth
        # about all others, so that it keeps what it knows.
        # Source: Li and Hoiem 2016, "Learning without Forgetting".
        Recipe(
            name="own",
            network="compact",
            epochs=1,
            batch_size=32,
            learning_rate=1e-3,
            schedule="one_cycle",
            warmup_share=0.1,
            beta2=0.99,
            label_smoothing=0.05,
            rotate=7,
            scale=0.07,
            shear=0.1,
            shift=2,
            teacher_share=0.9,
            teacher_heeded="right",
            calibrate=True,
        ),
    )
}


# The rows to choose from. The others are taken by `--from`, `--add` and tools/train_shipped.py.
CHOICES = ("original", "flash", "fast", "best", "distilled")
DEFAULT = "fast"
FINE_TUNE = "finetune"  # the row that --from takes where no other is named
ADD_OWN = "own"  # the same, with --add


def recipe(name: str) -> Recipe:
    """The row of that name. Raises ConfigError."""
    if name not in RECIPES:
        raise ConfigError(
            f"no recipe {name!r}; expected {', '.join(CHOICES)}, or another row of "
            "`inkdigits recipes`"
        )
    return RECIPES[name]


def is_of(value: object, kind: Any) -> bool:
    """Whether the value is of a field's type; a whole number is a number, too, but no switch."""
    if isinstance(value, bool):
        return kind is bool
    expected: type | UnionType = str if get_origin(kind) is Literal else kind
    return isinstance(value, float | int if expected is float else expected)
