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
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from inkdigits.errors import ConfigError
from inkdigits.machine import cores
from inkdigits.training.recipes import ADD_OWN, DEFAULT, FINE_TUNE, RECIPES, Recipe, is_of
from inkdigits.training.recipes import recipe as recipe_named

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a run was asked to do; kept in its folder from the first second.

    Raises ConfigError that names the setting, what it is and what it may be.
    """

    recipe: Recipe
    data: str
    seed: int
    threads: int  # of all workers together
    start: str | None = None  # an .onnx file or run folder to go on from
    teacher: str | None = None  # an .onnx file or run folder whose answers are learnt
    add: str | None = None  # a folder of pictures to learn as well, all of them
    device: Device = "auto"  # what trains; auto is a CUDA GPU if there is one, else the processor

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}, wanted 0 or more")
        if not 1 <= self.threads <= 1024:
            raise ConfigError(f"threads is {self.threads}, wanted 1 to 1024")
        if self.device not in get_args(Device):
            raise ConfigError(
                f"device is {self.device!r}, expected one of {', '.join(get_args(Device))}"
            )
        if (self.teacher is None) != (self.recipe.teacher_share == 0):
            raise ConfigError(
                f"teacher_share is {self.recipe.teacher_share:g} and the teacher is "
                f"{self.teacher or 'none'}: --teacher MODEL and a share over 0 go together, "
                "as in the recipe distilled"
            )
        if self.start is not None and not self.recipe.validation_share:
            raise ConfigError(
                "validation_share is 0: going on from a model needs a validation set, "
                "to tell whether it got better"
            )

    def absolute(self) -> RunSettings:
        """The same with paths that hold from any working directory."""
        from inkdigits.data.sources import NAMED

        paths = {"add": self.add, "start": self.start, "teacher": self.teacher}
        if self.data not in NAMED:
            paths["data"] = self.data
        whole = {name: os.path.abspath(path) for name, path in paths.items() if path is not None}
        return replace(self, **whole)  # type: ignore[arg-type]

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
            # The model that it starts from says which network it is.
            if value is None or row.get(name) == value or (name == "network" and self.start):
                continue
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                words.append(flag if value else f"--no-{flag[2:]}")
            else:
                words += [flag, str(value)]
        return f"{words[0]} {shlex.join(words[1:])}"


FIELDS = frozenset(field.name for field in fields(Recipe)) - {"name"}  # settings of a recipe


def settings_from(values: Mapping[str, Any]) -> RunSettings:
    """What is asked for by names and values, as flags or `read_config` give them.

    Raises ConfigError for a name that is unknown or a value that cannot be, ModelError where a
    model that is named is none.
    """
    start, teacher = values.get("from"), values.get("teacher")
    usual = (ADD_OWN if "add" in values else FINE_TUNE) if start else DEFAULT
    other = {"recipe", "data", "add", "seed", "threads", "device", "from", "teacher"}
    row = recipe_named(values.get("recipe", usual)).with_overrides(
        {name: value for name, value in values.items() if name not in other}
    )

    from inkdigits.model_file import model_path

    if start:
        from inkdigits.exports.onnx import load_onnx

        row = row.with_overrides({"network": load_onnx(model_path(start))[0]})
    settings = RunSettings(
        recipe=row,
        data=values.get("data", "auto"),
        seed=values.get("seed", 0),
        threads=values.get("threads", cores()),
        start=start,
        teacher=teacher or (start if row.name == ADD_OWN else None),
        add=values.get("add"),
        device=values.get("device", "auto"),
    )
    if settings.teacher:
        model_path(settings.teacher)
    return settings


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by the names of their flags: epochs, data, from, ...

    Raises ConfigError for a file that is no TOML, and names each setting that is unknown or of
    another type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}") from error
    known = {
        **{name: kind for name, kind in get_type_hints(Recipe).items() if name != "name"},
        **{name: kind for name, kind in get_type_hints(RunSettings).items() if name != "start"},
        "from": str,
        "recipe": str,
    }
    refuse_unknown(values, known, str(path))
    for name, value in values.items():
        # TOML has 64 bits for a whole number; Python reads as many as there are.
        if not is_of(value, known[name]) or (isinstance(value, int) and abs(value) >= 1 << 63):
            raise ConfigError(f"{path}: {name} is {value!r:.80}, expected {_words(known[name])}")
    return values


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
