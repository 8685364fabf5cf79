"""The two networks that find digits: the finder over a whole picture, the close-up on each digit.

The finder follows "Objects as Points" (Zhou, Wang, Krähenbühl 2019): a heat map of centres at a
quarter of the picture's size, with each one's sort and box.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.spec import SORTS

N_SORTS = len(SORTS)  # 20: ten digits, ten signs

# The finder's maps: heat of digits and of signs, sorts, then x, y, log width, log height, log unit.
HEATS, BOXES = 2, 5
N_MAPS = HEATS + N_SORTS + BOXES  # 27


def _conv(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)
    )


class FinderNetwork(nn.Module):
    """(N, 1, H, W) standardised grey, sides multiples of 32, to (N, 27, H/4, W/4) maps."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e, f = 16, 32, 64, 96, 128, 48
        self.down2 = nn.Sequential(_conv(1, a, 2), _conv(a, b, 2), _conv(b, b))
        self.down3 = nn.Sequential(_conv(b, c, 2), _conv(c, c), _conv(c, c))
        self.down4 = nn.Sequential(_conv(c, d, 2), _conv(d, d), _conv(d, d))
        self.down5 = nn.Sequential(_conv(d, e, 2), _conv(e, e))
        self.up5, self.up4, self.up3 = nn.Conv2d(e, d, 1), nn.Conv2d(d, c, 1), nn.Conv2d(c, f, 1)
        self.keep2 = nn.Conv2d(b, f, 1)
        self.join4, self.join3 = _conv(d, d), _conv(c, c)
        self.join2 = nn.Sequential(_conv(f, f), _conv(f, f))
        self.maps = nn.Conv2d(f, N_MAPS, 1)
        nn.init.constant_(self.maps.bias[:HEATS], -4.0)  # type: ignore[index]  # few cells are centres

    def forward(self, picture: Tensor) -> Tensor:
        """The maps; heats and sorts are logits."""
        two = self.down2(picture)
        three = self.down3(two)
        four = self.down4(three)
        five = self.down5(four)
        four = self.join4(four + _twice(self.up5(five)))
        three = self.join3(three + _twice(self.up4(four)))
        maps: Tensor = self.maps(self.join2(self.keep2(two) + _twice(self.up3(three))))
        return maps


def _twice(map_: Tensor) -> Tensor:
    return F.interpolate(map_, scale_factor=2.0, mode="nearest")


class CloseUpNetwork(nn.Module):
    """(N, 2, 48, 48), grey and frame, to (N, 21) sorts and (N, 48, 48) ink, both logits.

    The grey is standardised; the frame is 1 inside the box that the finder gave. Sort 20 is other.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = 16, 32, 64, 112
        self.stem = _conv(2, a)
        self.down2 = nn.Sequential(_conv(a, b, 2), _conv(b, b))
        self.down4 = nn.Sequential(_conv(b, c, 2), _conv(c, c), _conv(c, c))
        self.down8 = nn.Sequential(_conv(c, d, 2), _conv(d, d), _conv(d, d))
        self.sorts = nn.Sequential(
            nn.Flatten(), nn.Linear(d * 9, 128), nn.ReLU(True), nn.Dropout(0.2),
            nn.Linear(128, N_SORTS + 1),
        )  # fmt: skip
        self.up8, self.up4 = nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1)
        self.join4, self.join2 = _conv(c, c), _conv(b, b)
        self.up2 = nn.Conv2d(b, 4 * a // 2, 1)
        self.keep1 = nn.Conv2d(a, a // 2, 1)
        self.ink = nn.Sequential(_conv(a // 2, a // 2), nn.Conv2d(a // 2, 1, 1))

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Sorts and ink."""
        one = self.stem(views)
        two = self.down2(one)
        four = self.down4(two)
        eight = self.down8(four)
        sorts = self.sorts(F.avg_pool2d(eight, 2))
        four = self.join4(four + _twice(self.up8(eight)))
        two = self.join2(two + _twice(self.up4(four)))
        one = self.keep1(one) + F.pixel_shuffle(self.up2(two), 2)
        return sorts, self.ink(one)[:, 0]
