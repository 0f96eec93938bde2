"""The network that tells sizes without outlines: how much of the picture is covered by particles of each size, and what follows.

The first four stages of EfficientNet-Lite2, which have learned already, and a look at their surroundings (as in feature pyramids,
Lin et al., CVPR 2017) give for every cell of 16 x 16 px the share that lies in particles of each of `N_SIZES` sizes. A share of the
area over the area of one particle is a number of particles, so the map is a size distribution by number; a small head corrects the
median, the spread and the number that follow from it, and says how far the median may be off.

Input (N, 1, H, W) float, standardised grey levels, H and W multiples of 32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..efficientnet import EfficientNetLite, InvertedBottleneck
from ..network import conv_bn

CELL_PX = 16
STRIDE = 32
N_SIZES, SMALLEST_PX, LARGEST_PX = 24, 2.5, 420.0
STEP = math.log(LARGEST_PX / SMALLEST_PX) / (N_SIZES - 1)
"""Of ln diameter, from one size to the next."""
FIGURES = ("ln_d50", "ln_scale_d50", "ln_gsd", "ln_n", "ln_scale_n")
"""Of a view: ln of the median diameter in its px and of that error's scale (Laplace); ln of the geometric standard deviation; ln of
the number of particles (a cut one counts by the share that is seen), and of its error's scale."""
_STAGES = 4  # of EfficientNet-Lite2
_FEW = 1e-4  # added to a share of the area before its logarithm is taken


class SizeNet(nn.Module):
    """(N, 1, H, W) -> logits of the sizes (N, N_SIZES + 1, H/16, W/16), ground first; `FIGURES` (N, 5)."""

    ln_sizes: Tensor

    def __init__(self) -> None:
        super().__init__()
        encoder = EfficientNetLite("lite2")
        self.stem, self.stages = encoder.stem, encoder.stages[:_STAGES]
        c8, c16 = (stage[-1].body[-1][0].out_channels for stage in list(self.stages)[-2:])  # type: ignore[index]
        self.mix = conv_bn(c8 + c16, 96, 1)
        self.deep = nn.Sequential(InvertedBottleneck(96, 128, 5, 2, 2), InvertedBottleneck(128, 128, 5, 1, 2))
        self.up = conv_bn(128, 96, 1, relu=False)
        self.fine = InvertedBottleneck(96, 96, 3, 1, 2)
        self.sizes = nn.Conv2d(96, N_SIZES + 1, 1)
        self.head = nn.Sequential(nn.Linear(2 * N_SIZES + 3 + 128, 96), nn.ReLU(), nn.Linear(96, len(FIGURES)))
        nn.init.zeros_(self.head[2].weight)  # type: ignore[arg-type]  # begins with what the map says
        self.register_buffer("ln_sizes", math.log(SMALLEST_PX) + STEP * torch.arange(N_SIZES), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.sizes_of(*self.features(x))

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder sees, at strides 8 and 16."""
        seen = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return seen[-2], seen[-1]

    def sizes_of(self, f8: Tensor, f16: Tensor) -> tuple[Tensor, Tensor]:
        """What follows from the encoder's features: as `forward`."""
        mixed = self.mix(torch.cat([F.avg_pool2d(f8, 2), f16], 1))
        deep = self.deep(mixed)
        out = self.fine(F.relu(mixed + F.interpolate(self.up(deep), scale_factor=2.0, mode="nearest")))
        logits = self.sizes(out)
        return logits, self.figures(logits, deep.mean((2, 3)))

    def figures(self, logits: Tensor, pooled: Tensor) -> Tensor:
        """What the map says of the view, corrected by the head."""
        share = torch.softmax(logits, 1).mean((2, 3))[:, 1:]  # of the view's area
        cells = logits.shape[2] * logits.shape[3]
        number = share * (cells * CELL_PX**2 * 4 / math.pi) * torch.exp(-2 * self.ln_sizes)
        total = number.sum(1, keepdim=True) + 1e-3
        by_number = number / total
        mean = (by_number * self.ln_sizes).sum(1, keepdim=True)
        spread = torch.sqrt((by_number * (self.ln_sizes - mean) ** 2).sum(1, keepdim=True) + 1e-4)
        known = torch.cat([torch.log(share + _FEW) / 4, by_number, mean / 4, spread, torch.log(total) / 4, pooled], 1)
        ln_d50, ln_scale, ln_gsd, ln_n, ln_scale_n = self.head(known).split(1, 1)
        return torch.cat(
            [mean + ln_d50, ln_scale - 1.5, spread * torch.exp(ln_gsd.clamp(-3, 3)), torch.log(total) + ln_n, ln_scale_n - 1], 1
        )


def loss(logits: Tensor, figures: Tensor, shares: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of the map, and negative log likelihoods of Laplace's law.

    shares: (N, N_SIZES + 1, H/16, W/16), of each cell's area, all 0 where not known
    truth: (N, 3), ln d50, ln gsd and the number of particles, the first two NaN where there are too few
    """
    cross = -(shares * F.log_softmax(logits, 1)).sum(1).mean()
    ln_d50, ln_scale, ln_gsd, ln_n, ln_scale_n = figures.unbind(1)
    shown = ~truth[:, 0].isnan()
    off = (ln_d50 - truth[:, 0])[shown].abs()
    median = (off * torch.exp(-ln_scale[shown].clamp(-4, 2)) + ln_scale[shown].clamp(-4, 2)).sum() / max(len(truth), 1)
    spread = (ln_gsd - truth[:, 1])[shown].abs().sum() / max(len(truth), 1)
    counted = (ln_n - torch.log(truth[:, 2] + 0.3)).abs()
    number = (counted * torch.exp(-ln_scale_n.clamp(-4, 2)) + ln_scale_n.clamp(-4, 2)).mean()
    total: Tensor = cross + 0.4 * median + 0.3 * spread + 0.1 * number
    return total
