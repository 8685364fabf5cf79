"""What a training run does, as rows of a table; a flag overrides any field.

Plain data: imports no framework, so that help and checks cost nothing. A Recipe is checked once,
at birth, before any data is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from inkdigits.errors import ConfigError
from inkdigits.training.networks import is_module, network_named

Schedule = Literal["constant", "one_cycle"]
Precision = Literal["float32", "bfloat16", "fastest"]
Heeded = Literal["always", "right"]
Keep = Literal["last", "best_loss"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every setting of a run. Times are in epochs, lengths in pixels of 28, angles in degrees.

    Raises ConfigError that names the field, what it is and what it may be.
    """

    name: str
    network: str  # a row of training.networks, the text of one, or FILE.py:NAME, a PyTorch module
    epochs: int
    batch_size: int
    learning_rate: float  # the peak of the schedule
    schedule: Schedule  # one_cycle: cosine up over warmup_share, cosine down to 0
    warmup_share: float = 0.3  # of all steps
    beta1: float = 0.9  # Adam's
    beta2: float = 0.999  # Adam's
    epsilon: float = 1e-8  # Adam's
    weight_decay: float = 0.0  # AdamW's, times the learning rate
    label_smoothing: float = 0.0  # share of the truth spread over all ten classes
    teacher_share: float = 0.0  # of the truth that is the teacher's answer instead of the label
    # Copies of the set, each augmented differently. The teacher answers them once, and the epochs
    # take them in turn. 0 asks it at every batch.
    teacher_views: int = 0
    # right: where a teacher's answer is not the label the label stands, as of digits that it is
    # known to read wrong. always: also where augmentation made one digit look like another.
    teacher_heeded: Heeded = "always"
    nondigit_share: float = 0.0  # of a batch, added to it: the data's non-digits, truth all ten
    average_decay: float = 0.0  # of the moving average of weights that is evaluated; 0 is off
    # Of convolutions and products; weights stay float32. fastest: bfloat16 where it is native.
    precision: Precision = "float32"
    rotate: float = 0.0  # degrees either way
    scale: float = 0.0  # share either way: 0.1 is 90 % to 110 %
    shear: float = 0.0  # horizontal, tangent of the slant
    shift: float = 0.0  # pixels either way
    early_stopping: int = 0  # epochs without a lower validation loss before the end; 0 is off
    plateau: int = 0  # epochs without a lower validation loss before the rate is cut; 0 is off
    plateau_factor: float = 0.5  # new rate = rate * factor
    keep: Keep = "last"  # which epoch's weights the run ends with
    validation_share: float = 0.1  # of the training set; 0 trains on all of it
    settle: int = 0  # training images, as they are, for batch normalisation's statistics; 0 is off
    calibrate: bool = False  # fit one temperature on the validation set, folded into the weights

    def __post_init__(self) -> None:
        for row in fields(self):
            value = getattr(self, row.name)
            if row.type == "float" and isinstance(value, int):  # 7 and 7.0 are one setting
                object.__setattr__(self, row.name, _as_float(value))
        if not is_module(self.network):
            network_named(self.network)
        for field, literal in {
            "schedule": Schedule, "precision": Precision, "keep": Keep, "teacher_heeded": Heeded
        }.items():  # fmt: skip
            _check_choice(self, field, get_args(literal))
        for field, (low, high, expected) in _RANGES.items():
            value = getattr(self, field)
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"{field} is {value}, expected {expected}")
        if self.validation_share == 0:
            for field in ("early_stopping", "plateau"):
                if getattr(self, field):
                    raise ConfigError(
                        f"{field} is {getattr(self, field)} but validation_share is 0: there is no "
                        f"validation loss to watch; set {field} to 0 or keep a validation set"
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
        known = {f.name for f in fields(self)}
        for field in overrides:
            if field not in known:
                raise ConfigError(f"no setting {field!r}; there are {', '.join(sorted(known))}")
        return replace(self, **overrides)  # type: ignore[arg-type]


# field: (low, high, what is expected, in words)
_RANGES: dict[str, tuple[float, float, str]] = {
    "epochs": (1, 10_000, "1 to 10,000"),
    "batch_size": (2, 60_000, "2 to 60,000 (batch normalisation needs two)"),
    "learning_rate": (1e-9, 100, "over 0, at most 100"),
    "warmup_share": (0, 0.9, "0 to 0.9"),
    "beta1": (0, 0.99999, "0 to under 1"),
    "beta2": (0, 0.999999, "0 to under 1"),
    "epsilon": (1e-16, 1, "over 0, at most 1"),
    "weight_decay": (0, 10, "0 to 10"),
    "label_smoothing": (0, 0.9, "0 to 0.9"),
    "teacher_share": (0, 1, "0 (no teacher) to 1"),
    "teacher_views": (0, 100, "0 (asked at every batch) to 100 copies"),
    "nondigit_share": (0, 1, "0 (none) to 1"),
    "average_decay": (0, 0.99999, "0 (off) to under 1"),
    "rotate": (0, 180, "0 to 180 degrees"),
    "scale": (0, 0.9, "0 to 0.9"),
    "shear": (0, 2, "0 to 2"),
    "shift": (0, 14, "0 to 14 pixels"),
    "early_stopping": (0, 10_000, "0 (off) or more epochs"),
    "plateau": (0, 10_000, "0 (off) or more epochs"),
    "plateau_factor": (0.001, 0.999, "between 0 and 1"),
    "validation_share": (0, 0.9, "0 to 0.9"),
    "settle": (0, 10_000_000, "0 (off) or more images"),
}


# What each field but the name sets, in words for a command's help.
MEANINGS: dict[str, str] = {
    "network": "Network to train",
    "epochs": "Passes over the training set",
    "batch_size": "Images in a step",
    "learning_rate": "Peak of the learning rate",
    "schedule": "Course of the learning rate",
    "warmup_share": "Share of the steps in which the rate rises",
    "beta1": "Adam's decay of the mean gradient",
    "beta2": "Adam's decay of the squared gradient",
    "epsilon": "Adam's epsilon",
    "weight_decay": "AdamW's, times the learning rate",
    "label_smoothing": "Share of the truth spread over all digits",
    "teacher_share": "Share of the truth that is the teacher's answer",
    "teacher_views": "Augmented copies of the set that the teacher answers",
    "teacher_heeded": "Use the teacher's answer always, or only if it is right",
    "nondigit_share": "Non-digits in a step, as a share of its digits",
    "average_decay": "Decay of the moving average of weights that is evaluated",
    "precision": "Number type; fastest: bfloat16 if it is faster here",
    "rotate": "Augmentation: rotation either way",
    "scale": "Augmentation: scaling either way; 0.1 is 90 % to 110 %",
    "shear": "Augmentation: slant either way, as its tangent",
    "shift": "Augmentation: shift either way",
    "early_stopping": "End after so many epochs without a lower validation loss",
    "plateau": "Cut the rate after so many such epochs",
    "plateau_factor": "Factor of the rate at such a cut",
    "keep": "The epoch whose weights are kept",
    "validation_share": "Share of the training set held out for validation",
    "settle": "Images for batch normalisation's statistics at the end",
    "calibrate": "Fit a temperature on the validation set",
}


def values_of(field: str) -> str:
    """The values that a field may have, in words; empty where its type tells it."""
    if field in _RANGES:
        return _RANGES[field][2]
    return ", ".join(map(str, get_args(get_type_hints(Recipe)[field])))


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _check_choice(recipe: Recipe, field: str, choices: tuple[str, ...]) -> None:
    value = getattr(recipe, field)
    if value not in choices:
        raise ConfigError(f"{field} is {value!r}, expected one of {', '.join(choices)}")


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


DEFAULT = "fast"
FINE_TUNE = "finetune"  # the row that --from takes where no other is named
ADD_OWN = "own"  # the same, with --add


def recipe(name: str) -> Recipe:
    """The row of that name. Raises ConfigError."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def is_of(value: object, kind: Any) -> bool:
    """Whether the value is of a field's type; a whole number is a number, too, but no switch."""
    if isinstance(value, bool):
        return kind is bool
    expected: type | UnionType = str if get_origin(kind) is Literal else kind
    return isinstance(value, float | int if expected is float else expected)
