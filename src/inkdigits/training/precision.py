"""In which precision a step computes, on the processor it runs on.

In: a recipe's precision. Out: whether convolutions and products run in bfloat16.
"""

from __future__ import annotations

import torch

from inkdigits.training.recipes import Precision


def is_bfloat16(precision: Precision) -> bool:
    """Whether a recipe of that precision computes in bfloat16 here.

    Processors without bfloat16 instructions work it out in software, at a tenth of the speed of
    float32 (compact network, AMD Zen 3). `fastest` asks the processor.
    """
    if precision == "fastest":
        # AVX-512 alone is not enough: without its BF16 part, bfloat16 is emulated as well.
        return bool(torch.cpu._is_avx512_bf16_supported())
    return precision == "bfloat16"
