"""What a network answers to digits, and how sure of it it may be.

In: a model and digits, on one device. Out: probabilities, loss and accuracy; a temperature for its
logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from inkdigits.data import Digits
from inkdigits.training.own import Own

_MAX_TEMPERATURE = 4.0  # and its inverse the least
_BATCH = 1_000  # images; larger only costs memory


def calibrate(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Divide the model's logits by the temperature that suits `labels` best; return it.

    Label smoothing and augmentation leave a network less sure than it is right. The division is
    folded into the last layer, so every export has it and no answer changes. A user's module keeps
    it beside its layers.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    logits = torch.cat(list(_logits(model, images))).double()

    def loss_at(log_temperature: float) -> float:
        return F.cross_entropy(logits / np.exp(log_temperature), labels).item()

    # Bounded: on a small validation set read without error the best temperature would be 0.
    edge = np.log(_MAX_TEMPERATURE)
    found = minimize_scalar(loss_at, bounds=(-edge, edge), method="bounded")
    temperature = float(np.exp(found.x))
    with torch.no_grad():
        if isinstance(model, Own):
            model.temperature.mul_(temperature)
        else:
            for tensor in cast("nn.Sequential", model)[-1].parameters():
                tensor.div_(temperature)
    return temperature


def as_tensors(digits: Digits) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64."""
    images = torch.from_numpy(np.array(digits.images))[:, None]
    return images, torch.from_numpy(digits.labels.astype(np.int64))


def probabilities(model: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """(N, 10) float32 softmax of the model over uint8 images (N, 1, 28, 28), in float32."""
    rows = [torch.softmax(logits, 1).cpu().numpy() for logits in _logits(model, images)]
    return np.concatenate(rows)


def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy in [0, 1]."""
    logits = torch.cat(list(_logits(model, images)))
    loss = F.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(1) == labels).float().mean().item()


def _logits(model: nn.Module, images: Tensor) -> Iterator[Tensor]:
    model.eval()
    with torch.inference_mode():
        for batch in torch.split(images, _BATCH):
            yield model(floats(batch))


def floats(images: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) uint8 as the network takes them: float32 in [0, 1], channels_last."""
    return (images.float() / 255).to(memory_format=torch.channels_last)
