"""A PyTorch module of a user's own, made ready to be trained here, or refused with what to change.

In: any torch.nn.Module from (N, 1, 28, 28) float32 in [0, 1] to (N, 10) logits. Out: Own, a copy of
it. All that can be found out in a second is found out before the data are read.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkdigits.counts import counted
from inkdigits.errors import ConfigError
from inkdigits.spec import N_CLASSES, SIDE
from inkdigits.training.networks import Network

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

_TRIED = 3  # images that a module is tried on
_CODE = "inkdigits_network"  # what a file of a user's is called as a module
_CLOSE = 1e-3  # of the largest logit: how far two answers to one image may differ


class Own(nn.Module):
    """A user's module with the temperature that is fitted to it at the end."""

    temperature: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 10) logits of (N, 1, 28, 28)."""
        # Out of channels_last, in which many modules' `view` fails: of one channel it means nothing
        # of the pixels, but convolutions would compute in it.
        logits: Tensor = self.network(images[:, 0].unsqueeze(1))
        return logits / self.temperature


def prepared(network: object, seed: int, n_workers: int = 1) -> Own:
    """A copy of the module on the processor in float32, tried and found fit.

    Its weights are where training starts; those of lazy layers are drawn from `seed`. Raises
    ConfigError that says what the module did and what is expected of it.
    """
    name = type(network).__name__
    if isinstance(network, type):
        raise ConfigError(
            f"network is the class {network.__name__}, expected a module made of it: "
            f"network={network.__name__}()"
        )
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"network is of type {name}, expected an inkdigits.Network, a torch.nn.Module or the "
            "name of a network"
        )
    if isinstance(network, torch.jit.ScriptModule):
        raise ConfigError("network is a TorchScript module, expected the module it was made of")
    plain = _plain(network)
    with _named(name, "cannot be copied"):
        own = Own(copy.deepcopy(plain).cpu().float())
    torch.manual_seed(seed)
    images = torch.rand(_TRIED, 1, SIDE, SIDE)
    _check_answers(own, images, name)
    _check_learning(own, images, name, n_workers)
    own.eval()
    return own


def load_back(own: Own, network: nn.Module) -> None:
    """Put the trained weights of the copy into the user's own module."""
    _plain(network).load_state_dict(own.network.state_dict())


def loaded(name: str, seed: int) -> nn.Module | Network:
    """The network that FILE.py:NAME names: a module, a Network, or what gives one when called.

    Runs the file. What a call gives has its weights drawn from `seed`. Raises ConfigError.
    """
    file, _, called = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise ConfigError(
            f"network is {name}: there is no file {file}; expected FILE.py:NAME, or from Python "
            "network=MODULE"
        )
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as Python has it for the file that it runs
    try:
        with _named(name, f"{file} cannot be run"):
            spec = cast("ModuleSpec", spec_from_file_location(_CODE, path))  # a .py file has one
            code = sys.modules[_CODE] = module_from_spec(spec)  # where dataclasses look for it
            cast("Loader", spec.loader).exec_module(code)
            torch.manual_seed(seed)
            found: Any = getattr(code, called, None)
            if callable(found) and not isinstance(found, nn.Module):
                found = found()
    finally:
        sys.path.remove(folder)
    if not isinstance(found, nn.Module | Network):
        raise ConfigError(
            f"network is {name}: found {called} to be {type(found).__name__}, expected a "
            "torch.nn.Module, an inkdigits.Network, or a class or function that gives one without "
            "arguments"
        )
    return found


def _plain(network: nn.Module) -> nn.Module:
    """The module that torch.compile or DataParallel was given."""
    inner = network.module if isinstance(network, nn.DataParallel) else network
    found: nn.Module = getattr(inner, "_orig_mod", inner)
    return found


def _check_answers(own: Own, images: Tensor, name: str) -> None:
    """Raise ConfigError unless the answers are logits, the same at each time and in any batch."""
    own.eval()
    given = images.clone()
    with torch.no_grad():
        try:
            logits = own.network(images)
        # The module is a user's: whatever it raises is what is wrong with it.
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"network {name} cannot take (N, 1, {SIDE}, {SIDE}) float32 images: "
                f"{_first_line(error)}; {_other_input(own, images)}"
            ) from error
        _check_logits(logits, len(images), name)
        if not torch.equal(images, given):
            raise ConfigError(
                f"network {name} changes the images that it is given; expected new tensors: "
                "x = x * 2 in the place of x.mul_(2) or x *= 2"
            )
        if bool((logits >= 0).all()) and torch.allclose(logits.sum(1), torch.ones(len(images))):
            raise ConfigError(
                f"network {name} gives probabilities, rows that sum to 1; expected logits: leave "
                "the softmax at its end out, the loss and the saved models have their own"
            )
        if not _close(own.network(images), logits):
            raise ConfigError(
                f"network {name} answers the same images differently each time, though eval() was "
                "called; is it F.dropout(x) without training=self.training, or something that it "
                "keeps from one call to the next?"
            )
        with _named(name, "cannot take one image alone"):
            first = own.network(images[:1])
        _check_logits(first, 1, name)
        if not _close(first, logits[:1]):
            raise ConfigError(
                f"network {name} answers an image differently alone and among others, though "
                "eval() was called; is it a BatchNorm with track_running_stats=False?"
            )


def _check_learning(own: Own, images: Tensor, name: str, n_workers: int) -> None:
    """Raise ConfigError unless a loss's gradients reach the parameters in training."""
    if not any(p.requires_grad for p in own.parameters()):
        frozen = "all of its parameters are frozen" if list(own.parameters()) else "it has none"
        raise ConfigError(f"network {name} has no parameter to train: {frozen}")
    trial = copy.deepcopy(own).train()
    with _named(name, "cannot be trained"):
        logits = trial.network(images)
        _check_logits(logits, len(images), name)
        F.cross_entropy(logits, torch.arange(len(images))).backward()  # type: ignore[no-untyped-call]
    wanted = [(called, p) for called, p in trial.named_parameters() if p.requires_grad]
    unused = [called.removeprefix("network.") for called, p in wanted if p.grad is None]
    if len(unused) == len(wanted):
        raise ConfigError(
            f"network {name}: no gradient reaches its parameters; is it torch.no_grad() or "
            ".detach() in forward?"
        )
    if unused and n_workers > 1:
        raise ConfigError(
            f"network {name}: no gradient reaches {unused[0]}, and several workers exchange all of "
            "them; leave it out or set its requires_grad to False"
        )


def _check_logits(logits: object, n: int, name: str) -> None:
    if not isinstance(logits, Tensor):
        raise ConfigError(
            f"network {name} gives a {type(logits).__name__}, expected a tensor: (N, {N_CLASSES}) "
            "logits"
        )
    shape = tuple(logits.shape)
    if shape != (n, N_CLASSES):
        classes = ""
        if len(shape) == 2 and shape[0] == n:
            classes = f"; a digit is one of {N_CLASSES}, and its last layer gives {shape[1]}"
        squeezed = "; is it squeeze() without a dim?" if n == 1 and len(shape) == 1 else ""
        raise ConfigError(
            f"network {name} gives {shape} for {counted(n, 'image')}, expected {(n, N_CLASSES)} "
            f"logits{classes}{squeezed}"
        )
    if not logits.is_floating_point() or not bool(torch.isfinite(logits).all()):
        raise ConfigError(
            f"network {name} gives {logits.flatten()[0].item()} of type {logits.dtype}, expected "
            "finite float32 logits"
        )


def _other_input(own: Own, images: Tensor) -> str:
    """What to put before a module that takes images in another form."""
    forms: tuple[tuple[str, Callable[[Tensor], Tensor], str], ...] = (
        (f"(N, {SIDE * SIDE})", lambda x: x.flatten(1), "nn.Flatten()"),
        (f"(N, {SIDE}, {SIDE})", lambda x: x.flatten(1, 2), "nn.Flatten(1, 2)"),
        (f"(N, 3, {SIDE}, {SIDE})", lambda x: x.expand(-1, 3, -1, -1), "nn.Conv2d(1, 3, 1)"),
    )
    for form, as_form, layer in forms:
        try:
            copy.deepcopy(own.network)(as_form(images))
        except (Exception, SystemExit):  # noqa: BLE001  not this form then, whatever it raises
            continue
        return f"it takes {form}: network=nn.Sequential({layer}, network)"
    return f"expected a module from that to (N, {N_CLASSES}) logits"


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=_CLOSE * max(1.0, float(other.abs().max())))


@contextmanager
def _named(name: str, what: str) -> Iterator[None]:
    """Whatever a user's code raises as a ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except SystemExit as error:  # as a script does at its end
        raise ConfigError(
            f"network {name} {what}: it ended the program by sys.exit; expected a file that "
            'does so under if __name__ == "__main__": alone'
        ) from error
    except Exception as error:
        raise ConfigError(f"network {name} {what}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]:.200}"
