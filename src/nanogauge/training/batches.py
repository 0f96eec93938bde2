"""From crops to what the network learns from, a batch at once, on whatever device the network is on.

The processes that load data cut crops and draw numbers; here the tone is changed by those numbers and the true maps are made from
the labels. Every number comes with the crop, seeds of noise included: a batch depends on its crops alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .augment import Tone

SHARPENED_PX = 1.2  # standard deviation of the unsharp mask
_NO_LABEL = 1e6


class Crops(NamedTuple):
    """What a loader hands on, N crops stacked; without the first dimension it is one crop.

    grey: (N, H, W) uint8; labels: (N, H, W) int32, 0 = background; distance: (N, H, W) uint8, normalised distance times 255
    valid: (N, H, W) bool, False outside the micrograph, and where nobody knows what is there
    instances: (N,) bool, whether labels tell touching particles apart and end where the particles do
    doubt_px: (N,) int, how far from the labels' outlines the true ones may run
    tone: how the grey levels are to change; its tables are (N, 256), all else (N,)
    """

    grey: Tensor
    labels: Tensor
    distance: Tensor
    valid: Tensor
    instances: Tensor
    doubt_px: Tensor
    tone: Tone


def prepare(crops: Crops, device: torch.device, *, with_pointers: bool = False) -> tuple[Tensor, Tensor]:
    """Input (N, 1, H, W) and true maps (N, 5, H, W) of a batch, on the device; what `toned` and `targets` say of them. With
    pointers two more maps, as `pointers` says."""
    grey, labels, distance, valid = (a.to(device, non_blocking=True) for a in crops[:4])
    x = toned(grey, crops.tone)
    maps = targets(labels, distance, valid, instances=crops.instances, doubt_px=crops.doubt_px)
    return x[:, None], torch.cat([maps, pointers(labels)], 1) if with_pointers else maps


def toned(grey: Tensor, tone: Tone) -> Tensor:
    """(N, H, W) uint8 -> (N, H, W) float: tone changed, standardised as pictures are before the network sees them.

    The numbers of `tone` stay on the CPU, where it is known without waiting for the device which crops are blurred or noisy.
    """
    device, (n, h, w) = grey.device, grey.shape
    x = tone.table.to(device, torch.float32, non_blocking=True).gather(1, grey.flatten(1).long()).view(n, h, w)

    def column(values: Tensor) -> Tensor:
        return values.to(torch.float32).view(-1, 1, 1).to(device, non_blocking=True)

    def change(which: list[int], how: Callable[[Tensor], Tensor]) -> None:
        if which:
            chosen = torch.tensor(which).to(device, non_blocking=True)
            x.index_copy_(0, chosen, how(x.index_select(0, chosen)))

    soft, sharp, noisy = (v.nonzero().flatten().tolist() for v in (tone.blur_px, tone.sharpening, tone.noise))
    change(soft, lambda v: blurred(v, tone.blur_px[soft]))
    mask = torch.full((len(sharp),), SHARPENED_PX)
    change(sharp, lambda v: v + column(tone.sharpening[sharp]) * (v - blurred(v, mask)))
    change(noisy, lambda v: v + column(tone.noise[noisy]) * _noise(v, tone.noise_px[noisy], tone.noise_seed[noisy]))
    streaky, flat = (v.nonzero().flatten().tolist() for v in (tone.lines, tone.flattened_px))
    change(streaky, lambda v: v + column(tone.lines[streaky]) * _lines(v, tone.noise_seed[streaky]))
    change(flat, lambda v: v - blurred(v, tone.flattened_px[flat]))
    down, across = (torch.linspace(-1, 1, length, device=device) for length in (h, w))
    x = x + column(tone.slope_y) * down[:, None] + column(tone.slope_x) * across
    x = x - x.mean((1, 2), keepdim=True)
    deviation = x.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-3)
    return x * (column(tone.gain) / deviation) + column(tone.offset)


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """(N, H, W) with a Gaussian of its own standard deviation, in px, each; mirrored at the edges.

    Sums of shifted pictures: as fast as a convolution, which cuDNN would tune anew for every number of crops.
    """
    reach = min(int(4 * float(sigma.max())) + 1, x.shape[1] - 1, x.shape[2] - 1)
    steps = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (steps / sigma.to(torch.float32)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(x.device, non_blocking=True)
    for axis in (-1, -2):
        wide = F.pad(x, (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach), mode="reflect")
        x = torch.zeros_like(x)
        for k in range(2 * reach + 1):
            x.addcmul_(wide.narrow(axis, k, x.shape[axis]), kernel[:, k, None, None])
    return x


def _noise(like: Tensor, correlation_px: Tensor, seeds: Tensor) -> Tensor:
    """White noise of deviation 1, or noise blurred and twice as strong where a correlation length is given."""
    generator = torch.Generator(like.device)
    noise = torch.stack(
        [torch.randn(like.shape[1:], generator=generator.manual_seed(seed), device=like.device) for seed in seeds.tolist()]
    )
    coarse = correlation_px.nonzero().flatten().tolist()
    if coarse:
        noise[coarse] = 2 * blurred(noise[coarse], correlation_px[coarse])
    return noise


def _lines(like: Tensor, seeds: Tensor) -> Tensor:
    """What whole lines of the scan are brighter or darker by, of deviation 1: half white, half wandering, as charge does."""
    generator = torch.Generator(like.device)
    h = like.shape[1]
    both = torch.stack(
        [torch.randn((2, h), generator=generator.manual_seed(seed ^ 1), device=like.device) for seed in seeds.tolist()]
    )
    wandering = both[:, 1].cumsum(1)
    wandering = (wandering - wandering.mean(1, keepdim=True)) / wandering.std(1, keepdim=True).clamp(min=1e-6)
    return ((both[:, 0] + wandering) / 2**0.5)[:, :, None]


def targets(labels: Tensor, distance: Tensor, valid: Tensor, *, instances: Tensor, doubt_px: Tensor) -> Tensor:
    """(N, 5, H, W): foreground, boundary, distance (0..1), weight, weight of the boundary and distance maps.

    The boundary is two pixels wide: each particle's outermost pixels and the ones facing them. Narrow gaps between particles
    weigh more, as in the original U-Net. Nothing has weight where it is not valid, nor do boundary and distance where labels are
    not `instances`; where there is doubt, only the particles' middles and what is well outside of them have. Arguments as in
    `Crops`; `instances` and `doubt_px` may stay on the CPU.
    """
    number, depth = labels.to(torch.float32), distance.to(torch.float32) / 255
    inside = labels > 0
    boundary = spread(number, 1, torch.maximum) != spread(number, 1, torch.minimum)
    low = spread(number.masked_fill(~inside, _NO_LABEL), 3, torch.minimum)
    gap = (low < _NO_LABEL) & (low != spread(number, 3, torch.maximum)) & boundary  # two particles within three pixels
    weight = (1 + 2 * gap.to(torch.float32)) * valid
    for k, reach in enumerate(doubt_px.tolist()):
        if reach:
            near = spread(inside[k : k + 1].to(torch.float32), reach, torch.maximum)[0] > 0
            weight[k] *= ~(near & ~(inside[k] & (depth[k] > 0.5)))
    known = instances.to(labels.device, non_blocking=True)
    maps = [inside.to(torch.float32), boundary.to(torch.float32), depth, weight, weight * known[:, None, None]]
    return torch.stack(maps, 1)


def pointers(labels: Tensor) -> Tensor:
    """(N, 2, H, W): how far the middle of a pixel's particle lies below it and to its right, in radii of a disc of the particle's
    area, as 1/2 + a quarter of it, within 0..1. A middle is the mean place of what the crop shows of the particle.
    On the ground 1/2."""
    n, h, w = labels.shape
    most = int(labels.max()) + 1
    place = (labels.to(torch.int64) + most * torch.arange(n, device=labels.device).view(-1, 1, 1)).flatten()

    def total(values: Tensor) -> Tensor:
        return torch.zeros(n * most, device=labels.device).scatter_add_(0, place, values.expand(n, h, w).flatten())

    area = total(torch.ones((), device=labels.device)).clamp(min=1)
    radius = (area / torch.pi).sqrt()
    axes = (torch.arange(h, device=labels.device)[:, None], torch.arange(w, device=labels.device)[None])
    maps = []
    for axis in axes:
        x = axis.to(torch.float32).expand(n, h, w)
        middle = total(x) / area
        maps.append(((middle[place] - x.flatten()) / radius[place]).view(n, h, w))
    inside = (labels > 0)[:, None]
    return torch.where(inside, (0.5 + 0.25 * torch.stack(maps, 1)).clamp(0, 1), 0.5)


def spread(x: Tensor, reach: int, which: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """(N, H, W): of all values within a square of `reach` px around each pixel the one that `which` keeps (torch.maximum:
    dilation, torch.minimum: erosion). Widths double, so that a wide square costs little more than a narrow one."""
    for axis in (-1, -2):
        x = F.pad(x, (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach), mode="replicate")
        width = 1
        while width < 2 * reach + 1:
            step = min(width, 2 * reach + 1 - width)
            x = which(x.narrow(axis, 0, x.shape[axis] - step), x.narrow(axis, step, x.shape[axis] - step))
            width += step
    return x
