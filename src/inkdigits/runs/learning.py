"""What a run learns: from settings and digits to the state that it ends with.

In: RunSettings, digits, a user's module where the network is one. Out: Trained. Writes nothing but
the checkpoint, and the settings where they have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import torch

from inkdigits.counts import counted
from inkdigits.data import Digits, DigitSets
from inkdigits.data.added import mixed, times_added
from inkdigits.data.split import split_validation
from inkdigits.errors import ConfigError, TrainingError
from inkdigits.exports.onnx import load_onnx
from inkdigits.reading.model import Model, identity_of
from inkdigits.runs.folder import (
    CHECKPOINT,
    SETTINGS,
    write_settings,
)
from inkdigits.runs.model_files import tried
from inkdigits.runs.result import AddedInfo, info
from inkdigits.runs.settings import RunSettings
from inkdigits.training.callbacks import Callback
from inkdigits.training.device import name_of
from inkdigits.training.finetune import Comparison, keep_added, keep_better, start_from
from inkdigits.training.judge import as_tensors
from inkdigits.training.learnt_from import refuse_other, sums
from inkdigits.training.loop import train
from inkdigits.training.models import parameter_count
from inkdigits.training.networks import Network, is_module, network_name
from inkdigits.training.own import Own, loaded, prepared
from inkdigits.training.precision import used_precision
from inkdigits.training.state import State, fresh_state, load_state
from inkdigits.training.workers import Workers

Say = Callable[[str], None]


class Added(NamedTuple):
    """Digits of one's own that were mixed into the training set."""

    digits: Digits
    times: int  # each of them stands in it

    @property
    def info(self) -> AddedInfo:
        """As result.json and the model's metadata tell it."""
        return AddedInfo(**vars(info(self.digits)), times=self.times)


class Module(NamedTuple):
    """A user's PyTorch module, made ready."""

    own: Own
    sha256: str  # of what it does


class Trained(NamedTuple):
    """What training gave."""

    state: State
    n: int  # images of --data trained on
    added: Added | None  # digits mixed in among them
    comparison: Comparison | None  # of the end with a given start
    held: Digits | None  # validation digits
    accept: float  # of the start, if it knows images without a digit; else 0


def with_network(settings: RunSettings, network: object = None) -> tuple[RunSettings, object]:
    """The settings, and the PyTorch module that goes with them, if one does.

    network: a module that was given as it is. Where settings name FILE.py:NAME that file is run; a
    Network that is found there becomes a setting. Raises ConfigError.
    """
    recipe = settings.recipe
    if not is_module(recipe.network):
        return settings, None
    if network is not None and not isinstance(network, str):
        return settings, network
    found = loaded(recipe.network, settings.seed)
    if isinstance(found, Network):
        return replace(settings, recipe=replace(recipe, network=network_name(found))), None
    return settings, found


def module_of(
    folder: Path, settings: RunSettings, network: object, workers: Workers
) -> Module | None:
    """The user's module of the run, tried in all that it will have to do."""
    name = settings.recipe.network
    if not is_module(name):
        tried(name, None)
        return None
    if network is None:
        raise ConfigError(
            f"{folder}: its network, {name}, is a PyTorch module, whose code a run folder does not "
            f"hold; name it: inkdigits train --resume {folder} --network FILE.py:NAME, or from "
            f"Python: inkdigits.train(resume={str(folder)!r}, network=MODULE)"
        )
    own = prepared(network, settings.seed, workers.count)
    return Module(own, cast("str", tried(name, own)))


def _begun(
    folder: Path,
    settings: RunSettings,
    device: torch.device,
    learnt_from: dict[str, str],
    say: Say,
    workers: Workers,
    own: Own | None,
) -> State:
    """The state to train from: the checkpoint's where there is one."""
    checkpoint, recipe = folder / CHECKPOINT, settings.recipe
    if checkpoint.is_file():
        state = load_state(checkpoint, device, own)
        if own is not None:  # its file may have moved
            state.recipe = replace(state.recipe, network=recipe.network)
        if (state.recipe, state.seed) != (recipe, settings.seed):
            raise TrainingError(
                f"{checkpoint}: was made with another recipe or seed than {SETTINGS} states; "
                "start a new run"
            )
        refuse_other(state.learnt_from, learnt_from, folder)
        say(f"continuing after epoch {state.epoch}")
    else:
        # The first worker times what is not known yet, and all compute alike.
        precision = used_precision(recipe, device, own) if workers.is_first else None
        state = fresh_state(recipe, settings.seed, device, workers.from_first(precision), own)
        state.learnt_from = learnt_from
    return state


def train_run(
    folder: Path,
    settings: RunSettings,
    device: torch.device,
    sets: DigitSets,
    added: Digits | None,
    callback: Callback,
    say: Say,
    workers: Workers,
    module: Module | None,
) -> Trained:
    """Train what the settings ask for, from the checkpoint where there is one."""
    checkpoint, recipe = folder / CHECKPOINT, settings.recipe
    known = Model(settings.start, settings.threads) if settings.start else None
    threads = max(1, settings.threads // workers.count)
    teaches = Model(settings.teacher, threads) if settings.teacher else None
    own, sha256 = module or (None, None)
    identities = [identity_of(model.path) if model else None for model in (known, teaches)]
    learnt_from = sums(sets, added, identities[0], identities[1], sha256)
    state = _begun(folder, settings, device, learnt_from, say, workers, own)
    if workers.is_first:
        write_settings(folder, settings)  # of a run that goes on they may be others
    start, accept = None, 0.0
    if known is not None:
        if known.knows_nondigits:  # it keeps its acceptance threshold
            accept = known.accept
        start = {name: torch.tensor(array) for name, array in load_onnx(known.path)[1].items()}
        if state.epoch == 0:
            start_from(state, start, str(known.path))
    train_set, held = sets.train, None
    if recipe.validation_share:
        train_set, held = split_validation(sets.train, recipe.validation_share, settings.seed)
    n, mixed_in = len(train_set), None
    if added is not None:
        mixed_in = Added(added, times_added(n, len(added)))
        train_set = mixed(train_set, *mixed_in)
        say(
            f"added: {counted(len(added), 'digit')} of {added.source}, each "
            f"{counted(mixed_in.times, 'time')}"
        )
    say(
        f"training: recipe {recipe.name}, {parameter_count(state.model):,} parameters, "
        f"{len(train_set):,} images, {len(held) if held else 0:,} held out for validation, "
        f"{counted(settings.threads, 'thread')}, {state.precision} on {name_of(device)}"
        + (f" in {workers.count} workers" if workers.count > 1 else "")
    )
    teacher = None
    if teaches is not None:
        is_start = settings.teacher == settings.start
        say(f"teacher: {'the model that it starts from' if is_start else teaches.path}")
        teacher = teaches.run
    state = train(train_set, held, state, callback, checkpoint, workers, teacher, sets.nondigits)
    if start is None or held is None:
        return Trained(state, n, mixed_in, None, held, accept)
    if added is None:
        comparison = keep_better(state, start, as_tensors(held))
    else:
        comparison = keep_added(state, start, as_tensors(held), as_tensors(added))
    say(str(comparison))
    return Trained(state, n, mixed_in, comparison, held, accept)
