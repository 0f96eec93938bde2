"""Ways to find the working magnification, by their error and by what the network then finds.

    python benchmarks/working_magnification.py --train emps:emps/train.txt --val emps:emps/val.txt [--engine FILE.onnx]

two looks   as shipped: the network on a thumbnail (finer where it sees specks), the particles seen there give the zoom
size head   a small convolutional network estimates ln(typical diameter) from a 256 px thumbnail without segmenting it
            (segmentation-free size estimation); trained here on the annotated micrographs and on rendered ones
fixed       the micrograph as it is
true        the median diameter of the annotation (what a perfect estimate would give)

Needs nanogauge[train].
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nanogauge.core.settings import Settings
from nanogauge.detection.engines import make_engine
from nanogauge.detection.find import find_particles
from nanogauge.detection.looks import typical_diameter
from nanogauge.detection.segment import rescale, segment, standardise
from nanogauge.training.batches import prepare
from nanogauge.training.dataset import Dataset, Examples, read_folder
from nanogauge.training.evaluate import score_image, summarise_scores
from nanogauge.training.network import conv_bn
from nanogauge.training.real import Real

SIDE_PX = 256
COLUMNS = ("iou_pooled", "f50_mean", "pq_mean", "particle_mre", "image_mean_mre_median")


class SizeHead(nn.Module):
    """(N, 1, 256, 256) standardised grey -> (N,) ln of the typical diameter in px."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1, 32, 48, 64, 96, 128]
        self.body = nn.Sequential(*[nn.Sequential(conv_bn(a, b, 3, stride=2), conv_bn(b, b, 3)) for a, b in pairwise(widths)])
        self.head = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return 3.0 + self.head(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1))[:, 0]


def ln_diameter(labels: Tensor) -> float:
    """ln of the median diameter in px; NaN where there is no particle."""
    area = torch.bincount(labels.flatten())[1:]
    area = area[area > 0].float()
    return math.log(math.sqrt(4 * float(area.median()) / math.pi)) if len(area) else math.nan


def train_head(items: list[Real], *, steps: int, batch: int = 16, seed: int = 1) -> SizeHead:
    torch.manual_seed(seed)
    head = SizeHead().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    examples = Examples(crop_px=SIDE_PX, diameter_px=30.0, diameter_spread=0.9, copy_paste_share=0.0, seed=seed)
    data = Dataset(items, examples, length=steps * batch)
    for crops in torch.utils.data.DataLoader(data, batch):
        x, _ = prepare(crops, torch.device("cpu"))
        diameters = torch.tensor([ln_diameter(labels) for labels in crops.labels])
        shown = ~diameters.isnan()
        loss = F.smooth_l1_loss(head(x[shown]), diameters[shown], beta=0.2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head.eval()


def by_head(head: SizeHead, grey: Any) -> float:
    """Typical diameter in input px: the thumbnail's long side is 256 px, its short side continued by reflection."""
    zoom = SIDE_PX / max(grey.shape)
    look = standardise(rescale(grey.astype(np.float32), zoom))[:SIDE_PX, :SIDE_PX]
    look = np.pad(look, [(0, SIDE_PX - n) for n in look.shape], mode="reflect")
    with torch.inference_mode():
        return math.exp(float(head(torch.from_numpy(look)[None, None])[0])) / zoom


def read(entry: str) -> list[Real]:
    folder, _, ids = entry.partition(":")
    return read_folder(Path(folder), Path(ids).read_text(encoding="utf-8").split() if ids else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", required=True, metavar="FOLDER[:IDS]")
    parser.add_argument("--val", required=True, metavar="FOLDER[:IDS]")
    parser.add_argument("--engine", default="unet", help="a network's FILE.onnx instead of the shipped one")
    parser.add_argument("--steps", type=int, default=1500, help="of the size head's training")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    engine, settings = make_engine(args.engine), Settings()
    want = float(engine.working_diameter_px or 44.0)
    head = train_head(read(args.train), steps=args.steps)
    val = read(args.val)

    def two_looks(item: Real) -> float:
        found = segment(item.grey, engine, typical_diameter=lambda m: typical_diameter(m, settings.separate))
        return want / found.zoom

    ways: dict[str, Callable[[Real], float]] = {
        "two looks (shipped)": two_looks,
        "size head": lambda item: by_head(head, item.grey),
        "fixed": lambda _: want,
        "true": lambda item: item.diameter_px,
    }
    print(f"| way | median error of the zoom | off by more than 1.5 | {' | '.join(COLUMNS)} | CPU s |")
    print(f"|{'---|' * (len(COLUMNS) + 4)}")
    for name, way in ways.items():
        scores, errors, seconds = [], [], 0.0
        for item in val:
            ceiling, floor = min(4.0, 4096 / max(item.grey.shape)), min(192 / max(item.grey.shape), 1.0)
            begun = time.process_time()
            zoom = float(np.clip(want / way(item), floor, ceiling))
            seconds += time.process_time() - begun
            errors.append(abs(math.log(zoom / np.clip(want / item.diameter_px, floor, ceiling))))
            labels = find_particles(item.grey, engine, settings.replace("segment", working_magnification=zoom))[0]
            scores.append(score_image(labels, item.labels, name=item.name))
        figures: dict[str, Any] = dict(summarise_scores(scores))
        cells = " | ".join(f"{figures[c]:.3f}" for c in COLUMNS)
        off = float(np.mean(np.array(errors) > math.log(1.5)))
        print(
            f"| {name} | {math.expm1(float(np.median(errors))):.0%} | {off:.0%} | {cells} | {seconds / len(val):.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
