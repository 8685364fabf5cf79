"""Batch normalisation's statistics computed again from digits as they are read: not augmented.

In: a trained model and training images. Out: the model with other running means and variances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_BATCH = 1_000  # images


def settle_norms(model: nn.Module, images: Tensor) -> None:
    """Replace the running statistics of batch normalisation by those of `images`.

    images: (N, 1, 28, 28) float32 in [0, 1], unaugmented. Resampling blurs what a network trains
    on, so the statistics it gathered belong to softer strokes than those it will read.
    Source: Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm" (precise statistics);
    Touvron et al. 2019, "Fixing the train-test resolution discrepancy".
    """
    # A user's module may have none.
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    model.eval()  # dropout stays off
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    with torch.inference_mode():
        for batch in torch.split(images, _BATCH):
            model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
