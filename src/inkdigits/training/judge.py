"""What a network answers to digits, and how well.

In: a model and digits, on one device. Out: logits, probabilities, loss and accuracy.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from inkdigits.data import Digits

_BATCH = 1_000  # images; larger only costs memory


def as_tensors(digits: Digits) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64."""
    images = torch.from_numpy(np.array(digits.images))[:, None]
    return images, torch.from_numpy(digits.labels.astype(np.int64))


def floats(images: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) uint8 as the network takes them: float32 in [0, 1], channels_last."""
    return (images.float() / 255).to(memory_format=torch.channels_last)


def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """(N, 10) float32 logits of the model over uint8 images (N, 1, 28, 28); it ends in eval."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(floats(batch)) for batch in torch.split(images, _BATCH)])


def probabilities(model: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """(N, 10) float32 softmax of the model over uint8 images (N, 1, 28, 28), in float32."""
    return np.asarray(torch.softmax(logits_of(model, images), 1).cpu().numpy(), np.float32)


def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy in [0, 1]."""
    logits = logits_of(model, images)
    loss = F.cross_entropy(logits, labels).item()
    return loss, (logits.argmax(1) == labels).float().mean().item()
