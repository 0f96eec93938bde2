"""The locator's network: half a million weights, maps at half the picture's resolution.

Inverted residual blocks (Sandler et al., CVPR 2018) on a picture folded four by four, with a way back up (Lin et al., Feature
pyramid networks, CVPR 2017). Blocks at 1/16 and 1/32 look along the rows, for a bar's ends lie far apart. Input (N, 1, H, W) float,
grey levels over 255, H and W multiples of 32; output (N, 5, H/2, W/2) logits in the order of `examples.MAPS`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .examples import MAPS

STRIDE = 32
_CROSS = 20.0  # beside the Dice loss: most cells are ground, so the mean is small
_ENDS = 5.0  # times the maps of ends, whose spots are few cells


def _conv(
    c_in: int, c_out: int, kernel: int | tuple[int, int] = 1, *, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Module:
    size = (kernel, kernel) if isinstance(kernel, int) else kernel
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, size, stride=stride, padding=(size[0] // 2, size[1] // 2), groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class Inverted(nn.Module):
    """1x1 widened, depthwise, 1x1 narrowed; added to its input."""

    def __init__(self, channels: int, *, wider: int = 2, kernel: int | tuple[int, int] = 3) -> None:
        super().__init__()
        hidden = wider * channels
        self.body = nn.Sequential(
            _conv(channels, hidden), _conv(hidden, hidden, kernel, groups=hidden), _conv(hidden, channels, relu=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Locator(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(4)
        self.s4 = nn.Sequential(_conv(16, 24, 3), _conv(24, 24, 3, groups=24), _conv(24, 24))
        self.s8 = nn.Sequential(_conv(24, 48, 3, stride=2), Inverted(48), Inverted(48))
        self.s16 = nn.Sequential(
            _conv(48, 48, 3, stride=2, groups=48), _conv(48, 96),
            Inverted(96, kernel=(3, 9)), Inverted(96), Inverted(96, kernel=(3, 9)),
        )  # fmt: skip
        self.s32 = nn.Sequential(
            _conv(96, 96, 3, stride=2, groups=96), _conv(96, 144),
            Inverted(144, kernel=(3, 9)), Inverted(144, kernel=5), Inverted(144, kernel=(3, 9)),
        )  # fmt: skip
        self.up = nn.ModuleList([_conv(144, 96), _conv(96, 48), _conv(48, 32)])
        self.across = nn.ModuleList([_conv(96, 96, relu=False), _conv(48, 48, relu=False), _conv(24, 32, relu=False)])
        self.mix = nn.ModuleList([Inverted(96), Inverted(48), nn.Sequential(_conv(32, 32, 3, groups=32), _conv(32, 32))])
        self.head = nn.Conv2d(32, 4 * len(MAPS), 1)
        self.unfold = nn.PixelShuffle(2)
        nn.init.constant_(self.head.bias, -4.0)  # type: ignore[arg-type]  # nearly nothing of a picture is a bar

    def forward(self, x: Tensor) -> Tensor:
        features = [self.s4(self.fold(x - 0.5))]
        for stage in (self.s8, self.s16, self.s32):
            features.append(stage(features[-1]))
        out = features.pop()
        for up, across, mix in zip(self.up, self.across, self.mix, strict=True):
            out = mix(F.relu(F.interpolate(up(out), scale_factor=2.0, mode="nearest") + across(features.pop())))
        maps: Tensor = self.unfold(self.head(out))
        return maps


def loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy where the truth is known, and the Dice loss of the first three maps."""
    weight = known[:, None].float()
    cross = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * weight
    cross = cross * cross.new_tensor([1, 1, 1, _ENDS, _ENDS])[:, None, None]
    p, t = torch.sigmoid(logits)[:, :3] * weight, truth[:, :3] * weight
    dice = 1 - (2 * (p * t).sum((0, 2, 3)) + 50) / (p.sum((0, 2, 3)) + t.sum((0, 2, 3)) + 50)
    total: Tensor = _CROSS * cross.mean() + dice.mean()
    return total
