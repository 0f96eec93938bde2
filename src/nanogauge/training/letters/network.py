"""The network of letters: a quarter of a million weights, one answer for every two columns of a line of text.

Convolutions on a line folded two by two, which halve the height until one row is left, then along that row alone, so that each
column is told from what stands around it (fully convolutional, without recurrence: Borisyuk et al., Rosetta, KDD 2018). Input
(N, 1, 32, W) float, grey levels over 255, W a multiple of 32; output (N, 17, W/2) logits in the order of `examples.LETTERS`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .examples import N_CLASSES

_WIDTHS = (32, 40, 64, 96)
_STEPS = (1, 2, 4, 1)  # of the convolutions along the row
_POINT = 2.0  # times a point, which is one or two columns


def _conv(c_in: int, c_out: int, size: tuple[int, int], *, stride: tuple[int, int] = (1, 1), pad: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, size, stride=stride, padding=pad, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


class _Along(nn.Module):
    """A convolution along the row, added to its input."""

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, (1, 3), padding=(0, step), dilation=(1, step), bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.conv(x)))


class LetterNet(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _WIDTHS
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            _conv(4, a, (3, 3), pad=(1, 1)),
            _conv(a, b, (3, 3), stride=(2, 1), pad=(1, 1)),
            _conv(b, c, (3, 3), stride=(2, 1), pad=(1, 1)),
            _conv(c, d, (4, 3), pad=(0, 1)),
            *(_Along(d, step) for step in _STEPS),
        )
        self.head = nn.Conv2d(d, N_CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3), keepdim=True)
        spread = ((x - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        logits: Tensor = self.head(self.body((x - mean) / (spread + 0.03)))
        return logits.squeeze(2)


def loss(logits: Tensor, classes: Tensor, asked: Tensor) -> Tensor:
    """Cross-entropy of the columns that are asked."""
    weight = torch.ones(N_CLASSES)
    weight[1] = _POINT
    cross = F.cross_entropy(logits, classes, weight=weight, reduction="none")
    total: Tensor = (cross * asked.float()).sum() / asked.float().sum()
    return total
