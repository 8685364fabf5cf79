"""What a run is asked to do: checked at birth, written as TOML and as one command.

In: names and values, of flags or of a TOML file. Out: RunSettings. Imports no framework, so that
wrong settings are refused before anything heavy is loaded.
"""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from inkdigits.environment import training_threads
from inkdigits.errors import ConfigError
from inkdigits.training.networks import Network, is_module, network_name, network_named
from inkdigits.training.recipes import ADD_OWN, DEFAULT, FIELDS, FINE_TUNE, RECIPES, Recipe, is_of
from inkdigits.training.recipes import recipe as recipe_named

Device = Literal["auto", "cpu", "cuda", "mps"]
_SEEDS = 1 << 63  # PyTorch's generators take no larger ones


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a run was asked to do; kept in its folder from the first second.

    Raises ConfigError that names the setting, what it is and what it may be.
    """

    recipe: Recipe
    data: str
    seed: int
    threads: int  # of all workers together
    start: str | None = None  # an .onnx file or run folder to start from
    teacher: str | None = None  # an .onnx file or run folder whose answers are learnt
    add: str | None = None  # a folder or table of pictures to learn as well, all of them
    device: Device = "auto"  # what trains; auto is a CUDA GPU if there is one, else the processor

    def __post_init__(self) -> None:
        if not 0 <= self.seed < _SEEDS:
            raise ConfigError(f"seed is {self.seed}, expected 0 to {_SEEDS - 1:,}")
        if not 1 <= self.threads <= 1024:
            raise ConfigError(f"threads is {self.threads}, expected 1 to 1024")
        if self.device not in get_args(Device):
            raise ConfigError(
                f"device is {self.device!r}, expected one of {', '.join(get_args(Device))}"
            )
        for name in ("data", "add", "start", "teacher"):
            if getattr(self, name) == "":  # of a shell's variable that is not set, say
                flag = "from" if name == "start" else name
                raise ConfigError(f"{flag} is an empty text, expected a name or a path")
        if (self.teacher is None) != (self.recipe.teacher_share == 0):
            raise ConfigError(
                f"teacher_share is {self.recipe.teacher_share:g} and the teacher is "
                f"{self.teacher or 'none'}: --teacher MODEL and a share over 0 go together, "
                "as in the recipe distilled"
            )
        if self.start is not None and not self.recipe.validation_share:
            raise ConfigError(
                "validation_share is 0: fine-tuning a model needs a validation set, "
                "to tell whether it got better"
            )

    def absolute(self) -> RunSettings:
        """The same with paths that hold from any working directory."""
        from inkdigits.data.sources import NAMED

        paths = {"add": self.add, "start": self.start, "teacher": self.teacher}
        if self.data not in NAMED:
            paths["data"] = self.data
        whole: dict[str, Any] = {
            name: os.path.abspath(path) for name, path in paths.items() if path is not None
        }
        network = self.recipe.network
        if is_module(network) and not network.startswith(_FROM_PYTHON):
            whole["recipe"] = replace(self.recipe, network=os.path.abspath(network))
        return replace(self, **whole)

    def named(self) -> dict[str, Any]:
        """Every setting under the name of its flag, the recipe's fields behind the others."""
        recipe = asdict(self.recipe)
        first = {"recipe": recipe.pop("name"), "data": self.data, "add": self.add}
        return first | {
            "seed": self.seed,
            "threads": self.threads,
            "device": self.device,
            "from": self.start,
            "teacher": self.teacher,
            **recipe,
        }

    def to_toml(self) -> str:
        """The settings as `read_config` takes them."""
        lines = [
            f"{name} = {_toml(value)}" for name, value in self.named().items() if value is not None
        ]
        head = "# All settings of a run. Again: inkdigits train --config settings.toml"
        # A path may be no text; no file is left unwritten for that.
        text = "\n".join([head, *lines, ""])
        return text.encode("utf-8", "backslashreplace").decode("utf-8")

    def command(self, launcher: str = "inkdigits") -> str:
        """The command that asks for the same run from any folder; fields of the row left out."""
        settings = self.absolute()
        row = asdict(RECIPES.get(self.recipe.name, RECIPES[DEFAULT]))
        words = [launcher, "train"]
        for name, value in settings.named().items():
            if value is None or row.get(name) == value:
                continue
            # The model that it starts from states its network.
            if name == "network" and self.start and not is_module(value):
                continue
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                words.append(flag if value else f"--no-{flag[2:]}")
            else:
                if name == "network" and value.startswith(_FROM_PYTHON):
                    value = f"FILE.py:{value.removeprefix(_FROM_PYTHON)}"  # noqa: PLW2901
                words += [flag, str(value)]
        return f"{words[0]} {shlex.join(words[1:])}"


_FROM_PYTHON = "python:"  # begins the name of a module that a program gave


def settings_from(values: Mapping[str, Any]) -> RunSettings:
    """What is asked for by names and values, as flags or `read_config` give them.

    The network may also be a Network; anything else is named by its type. Raises ConfigError for a
    name that is unknown or a value that cannot be, ModelError where a model that is named is none.
    """
    start, teacher = values.get("from"), values.get("teacher")
    network = values.get("network")
    if network is not None:
        values = {**values, "network": _called(network)}
    for name, value in values.items():
        kind = kinds().get(name)
        # What is one of a few words is checked where these are known.
        if kind is not None and get_origin(kind) is not Literal and not is_of(value, kind):
            raise ConfigError(f"{name} is {value!r:.80}, expected {_words(kind)}")
    usual = (ADD_OWN if "add" in values else FINE_TUNE) if start else DEFAULT
    other = {"recipe", "data", "add", "seed", "threads", "device", "from", "teacher"}
    row = recipe_named(values.get("recipe", usual)).with_overrides(
        {name: value for name, value in values.items() if name not in other}
    )

    from inkdigits.reading.model_file import model_path

    if start:
        from inkdigits.exports.onnx import load_onnx

        known = load_onnx(model_path(start))[0]
        row = row.with_overrides({"network": _further(start, known, values.get("network"))})
    settings = RunSettings(
        recipe=row,
        data=values.get("data", "auto"),
        seed=values.get("seed", 0),
        threads=values.get("threads", training_threads()),
        start=start,
        teacher=start if teacher is None and row.name == ADD_OWN else teacher,
        add=values.get("add"),
        device=values.get("device", "auto"),
    )
    if settings.teacher:
        model_path(settings.teacher)
    return settings


def _called(network: object) -> str:
    """What a recipe calls a network that was given as a value."""
    if isinstance(network, str):
        return network
    if isinstance(network, Network):
        return network_name(network)
    return f"{_FROM_PYTHON}{type(network).__name__}"


def _further(start: str, known: str, asked: str | None) -> str:
    """The network of a run that starts from a model. Raises ConfigError where it is another."""
    if is_module(known):
        if asked is None or not is_module(asked):
            raise ConfigError(
                f"{start} holds the weights of {known}, a PyTorch module, and not its code; name "
                "it, too: --network FILE.py:NAME, or from Python network=MODULE"
            )
        return asked
    if asked is not None and (
        is_module(asked) or network_named(asked) != network_named(known)
    ):  # fmt: skip
        raise ConfigError(
            f"network is {asked:.80}, but the model to start from, {start}, has the network "
            f"{known:.80}; leave it out"
        )
    return known


# What may change when a run is resumed: where things are, and what trains.
OF_THE_MACHINE = frozenset({"data", "add", "from", "teacher", "device", "threads", "network"})


def moved(settings: RunSettings, given: Mapping[str, Any]) -> RunSettings:
    """The settings of a resumed run: data or models that have moved, another device.

    given: by the names of flags. Raises ConfigError for what the run began without.
    """
    for name in given:
        if settings.named()[name] is None:
            raise ConfigError(f"--{name}: the run was started without it; start a new run")
    anew = {"start" if name == "from" else name: value for name, value in given.items()}
    if settings.teacher == settings.start and "start" in anew:  # one model is both
        anew = {"teacher": anew["start"], **anew}
    if "network" in anew:
        known, network = settings.recipe.network, _called(anew.pop("network"))
        if not (is_module(known) and is_module(network)):
            raise ConfigError(
                f"--network {network:.80}: the run continues with its own, {known:.80}; leave it "
                "out"
            )
        anew["recipe"] = replace(settings.recipe, network=network)
    return replace(settings, **anew).absolute()


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by the names of their flags: epochs, data, from, ...

    Raises ConfigError for a file that is no TOML, and names each setting that is unknown or of
    another type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}") from error
    known = kinds()
    refuse_unknown(values, known, str(path))
    for name, value in values.items():
        # TOML has 64 bits for a whole number; Python reads as many as there are.
        if not is_of(value, known[name]) or (isinstance(value, int) and abs(value) >= 1 << 63):
            raise ConfigError(f"{path}: {name} is {value!r:.80}, expected {_words(known[name])}")
    return values


def kinds() -> dict[str, Any]:
    """The type of each setting, by the name of its flag."""
    return {
        **{name: field.kind for name, field in FIELDS.items()},
        **{name: kind for name, kind in get_type_hints(RunSettings).items() if name != "start"},
        "from": str,
        "recipe": str,
    }


def refuse_unknown(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise ConfigError if a name is not among the known ones."""
    known = sorted(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"{where}: no setting {', '.join(map(repr, unknown))}; there are {', '.join(known)}"
        )


def _words(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(kind, "text in quotes")


def _toml(value: str | float | bool) -> str:
    """JSON's text, numbers and switches are TOML's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
