"""What benchmarks/star_convex.py learns: how far it is from a pixel of a particle to its outline, in `N_RAYS` directions.

The rays come from a copy of the shipped network's decoder, so that its maps stay as they are. A second set learns of the whole
particle: where a neighbour ends what can be seen, the outline lies no nearer than that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from architectures import TorchEngine
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from nanogauge.core.protocols import Engine, EngineClasses
from nanogauge.detection.engines.onnx import DEFAULT
from nanogauge.training.batches import Crops, prepare
from nanogauge.training.dataset import Dataset
from nanogauge.training.loop import load_data, loader, uses_bfloat16
from nanogauge.training.network import ClassHead
from nanogauge.training.recipe import Recipe, examples_of
from nanogauge.training.shipped import read_onnx

N_RAYS = 32
ANGLES = 2 * math.pi * np.arange(N_RAYS) / N_RAYS
GROUND, NEIGHBOUR, UNKNOWN = 0, 1, 2
"""What ends a ray: the ground, another particle, or nobody knows (the crop's edge, the micrograph's)."""
Rays = tuple[NDArray[np.float32], NDArray[np.uint8]]
_UNIT_PX = 16.0  # a ray of logarithm 0
_CPU = torch.device("cpu")


def rays(labels: NDArray[np.integer], valid: NDArray[np.bool_], at: NDArray[np.integer]) -> Rays:
    """(M, N_RAYS) px from pixels `at` (M, 2) to their particle's outline in each direction, and what ends each ray there."""
    h, w = labels.shape
    own = labels[at[:, 0], at[:, 1]]
    length = np.zeros((len(at), N_RAYS), np.float32)
    end = np.full((len(at), N_RAYS), UNKNOWN, np.uint8)
    point, ray = (a.ravel() for a in np.indices(length.shape))
    dy, dx = np.sin(ANGLES)[ray], np.cos(ANGLES)[ray]
    for step in range(1, 2 * max(h, w)):
        y = np.rint(at[point, 0] + step * dy).astype(int)
        x = np.rint(at[point, 1] + step * dx).astype(int)
        within = (y >= 0) & (y < h) & (x >= 0) & (x < w)
        y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
        known = within & valid[y, x]
        there = labels[y, x]
        stops = ~known | (there != own[point])
        length[point[stops], ray[stops]] = step - 0.5
        end[point[stops], ray[stops]] = np.where(~known, UNKNOWN, np.where(there == 0, GROUND, NEIGHBOUR))[stops]
        point, ray, dy, dx = (a[~stops] for a in (point, ray, dy, dx))
        if not len(point):
            break
    return length, end


def star_loss(found: Tensor, true: Tensor, end: Tensor) -> Tensor:
    """Mean error of rays (M, N_RAYS) over the true ones' mean, of those that are known; and the same of whole particles, of which a
    ray that ends at a neighbour only says how far they reach at least. found: (M, 2 N_RAYS), in px."""
    known = (end != UNKNOWN).float()
    scale = ((true * known).sum(1) / known.sum(1).clamp(min=1)).clamp(min=1)[:, None]
    off = (found - torch.cat([true, true], 1)) / scale
    visible, whole = off[:, :N_RAYS].abs(), off[:, N_RAYS:]
    whole = torch.where(end == NEIGHBOUR, (-whole).clamp(min=0), whole.abs())
    return torch.stack([(visible * known).sum(), (whole * known).sum()]) / known.sum().clamp(min=1)


class Example(NamedTuple):
    """What is kept of a crop: the encoder's features, and pixels with their rays."""

    features: list[Tensor]
    at: NDArray[np.int64]
    length: Tensor
    end: Tensor


def sampled(crops: Crops, k: int, rng: np.random.Generator, n: int = 400) -> tuple[NDArray[np.int64], Tensor, Tensor]:
    """Pixels of crop k, drawn by the distance map, by which StarDist weighs its loss; and their rays."""
    labels, valid = crops.labels[k].numpy(), crops.valid[k].numpy()
    weight = crops.distance[k].numpy().astype(float) * (valid & (labels > 0)) * bool(crops.instances[k])
    weight[1::2] = weight[:, 1::2] = 0  # where the head has no rays
    total = weight.sum()
    if not total:
        none = np.zeros((0, 2), np.int64)
        return none, torch.zeros(0, N_RAYS), torch.zeros(0, N_RAYS, dtype=torch.uint8)
    chosen = rng.choice(weight.size, min(n, int((weight > 0).sum())), replace=False, p=(weight / total).ravel())
    at = np.stack(np.unravel_index(chosen, weight.shape), 1)
    length, end = rays(labels, valid, at)
    return at, torch.from_numpy(length), torch.from_numpy(end)


class Given(nn.Module):
    """In an encoder's place: features that are there already."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return list(features)


class RayHead(ClassHead):
    """Rays of what is seen, then of the whole, in px, of every second pixel of every second row, from all strides of the decoder.
    It stands where the head of classes would, and adds no map."""

    def __init__(self, decoder: tuple[int, ...]) -> None:
        super().__init__(decoder, 1)
        self.out = nn.Conv2d(decoder[-1], 2 * N_RAYS, 3, padding=1)
        self.rays = torch.zeros(0)

    def forward(self, levels: list[Tensor]) -> Tensor:
        *coarse, fine = levels
        y = self.levels[0](coarse[0])
        for reduce, level in zip(self.levels[1:], coarse[1:], strict=True):
            y = F.interpolate(y, scale_factor=2.0, mode="nearest") + reduce(level)
        y = F.interpolate(self.narrow(self.context(F.relu(y))), scale_factor=2.0, mode="nearest")
        self.rays = _UNIT_PX * torch.exp(self.out(F.relu(y + self.fine(fine))).float().clamp(-5, 4))
        n, _, h, w = fine.shape
        return fine.new_zeros(n, 0, 2 * h, 2 * w)


class WithRays(nn.Module):
    """The shipped network, as it is, and rays by a copy of its decoder, which may learn."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.copy = read_onnx(DEFAULT), read_onnx(DEFAULT)
        self.encoder, self.maps.encoder, self.copy.encoder = self.maps.encoder, Given(), Given()  # type: ignore[assignment]
        self.outputs = self.maps.outputs
        self.head = RayHead(tuple(f[1][0].out_channels for f in self.copy.fuse))  # type: ignore[index]
        self.copy.class_head = self.head

    def rays(self, features: list[Tensor]) -> Tensor:
        self.copy(features)
        return self.head.rays

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(x)
        return torch.sigmoid(self.maps(features)), self.rays(features)


def learned(
    recipe: Recipe, *, n_crops: int, steps: int, decoder_steps: int, report: Callable[[str], None] = print
) -> Iterator[WithRays]:
    """The network after `steps` of the head alone, and after `decoder_steps` more with its decoder."""
    torch.manual_seed(recipe.seed)
    items, weights = load_data(recipe)
    data = Dataset(items, examples_of(recipe), length=n_crops, weights=weights)
    network = WithRays().eval()  # its normalisation is folded into the weights
    rng, examples = np.random.default_rng(recipe.seed), list[Example]()
    for crops in loader(recipe, data, _CPU):
        x, _ = prepare(crops, _CPU)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            features = [f.half() for f in network.encoder(x)]
        examples += [Example([f[k].clone() for f in features], *sampled(crops, k, rng)) for k in range(len(x))]
    report(f"{len(examples)} crops, {sum(len(e.at) for e in examples)} pixels with rays")
    head, decoder = [*network.head.parameters()], [*network.copy.reduce.parameters(), *network.copy.fuse.parameters()]
    for p in network.parameters():
        p.requires_grad_(False)
    for n, groups in ((steps, [(head, 2e-3)]), (decoder_steps, [(head, 1e-3), (decoder, 3e-4)])):
        if n:
            network.head.train()
            trained = [p for group, _ in groups for p in group]
            for p in trained:
                p.requires_grad_(True)
            optimiser = torch.optim.AdamW([{"params": p, "lr": rate} for p, rate in groups], weight_decay=1e-2)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [rate for _, rate in groups], n, pct_start=0.15)
            total = torch.zeros(2)
            for step in range(n):
                batch = [examples[int(i)] for i in rng.choice(len(examples), recipe.batch, replace=False)]
                features = [torch.stack([e.features[i] for e in batch]).float() for i in range(len(batch[0].features))]
                with torch.autocast("cpu", torch.bfloat16):
                    rays = network.rays(features)
                found = torch.cat([rays[k][:, e.at[:, 0] // 2, e.at[:, 1] // 2].T for k, e in enumerate(batch)])
                terms = star_loss(found, torch.cat([e.length for e in batch]), torch.cat([e.end for e in batch]))
                total += terms.detach()
                optimiser.zero_grad(set_to_none=True)
                terms.sum().backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(trained, recipe.clip_norm)
                optimiser.step()
                schedule.step()
                if (step + 1) % 50 == 0:
                    report(f"step {step + 1} of {n}: rays {total[0] / 50:.3f} off, of the whole {total[1] / 50:.3f}")
                    total.zero_()
            yield network.eval()


class StarEngine(TorchEngine):
    """The network as the pipeline's engine: `Maps.classes` are rays in px."""

    def __init__(self, network: WithRays, like: Engine) -> None:
        super().__init__(network)
        self.classes = EngineClasses(tuple(map(str, range(2 * N_RAYS))))
        self.working_diameter_px, self.sees_px = like.working_diameter_px, like.sees_px
        self.tile_px, self.calibration = like.tile_px, like.calibration

    def predict(self, tile: Any) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=uses_bfloat16("auto", _CPU)):
            maps, rays = self._network(torch.from_numpy(tile)[None, None])
            return torch.cat([maps.float(), F.interpolate(rays, scale_factor=2.0, mode="nearest")], 1)[0].numpy()
