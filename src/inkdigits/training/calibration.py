"""How sure a network may be of its answers: a temperature for its logits.

In: a model and digits that it did not learn from, on one device. Out: the model, its last layer
divided.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from inkdigits.training.judge import logits_of
from inkdigits.training.own import Own

_MAX_TEMPERATURE = 4.0  # and its inverse the least


def calibrate(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Divide the model's logits by the temperature that suits `labels` best; return it.

    Label smoothing and augmentation leave a network less sure than it is right. The division is
    folded into the last layer, so every export has it and no answer changes. A user's module keeps
    it beside its layers.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    logits = logits_of(model, images).double()

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
