"""The training loop, read from top to bottom: data, network, optimiser, schedule, steps, checkpoints.

One script for CPU and CUDA. A run is a folder: log.csv, overlays/, and a checkpoint (see `checkpoints`), from which `run` goes on.
Processes that load data cut crops ahead; what can be done to a batch at once is done where the network is (`batches`).
Schedule: linear warm-up, constant, cosine cool-down (Hu et al. 2024, "warmup-stable-decay"): a run can be cooled down from any
checkpoint of its plateau, so a budget need not be known beforehand.
"""

from __future__ import annotations

import csv
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.cpu import cores
from ..core.errors import SettingsError
from . import checkpoints
from .batches import Crops, prepare
from .dataset import Dataset, parse_source, share_renderings
from .efficientnet import EfficientNetLite, load_imagenet
from .network import OUTPUTS, UNet, build, freeze_normalisation, give_statistics
from .real import Real
from .recipe import Recipe, Slot, examples_of, learning_rate

LOSSES = ("loss", "foreground", "boundary", "distance")
_MAPS = 5  # what `batches.targets` makes; pointers follow


def loss_terms(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Foreground: cross-entropy + Dice; boundary: cross-entropy (positives twofold) + Dice; distance and, within
    particles, pointers: smooth L1."""
    terms = {}
    for i, (name, positive) in enumerate((("foreground", 1.0), ("boundary", 2.0))):
        z, t = logits[:, i : i + 1], target[:, i : i + 1]
        weight = target[:, 3 + i : 4 + i]
        total = weight.sum().clamp(min=1)
        w = weight * (1 + (positive - 1) * t)
        bce = (w * F.binary_cross_entropy_with_logits(z, t, reduction="none")).sum() / total
        p = torch.sigmoid(z) * (weight > 0)
        dice = 1 - (2 * (p * t).sum((1, 2, 3)) + 50) / (p.sum((1, 2, 3)) + (t * (weight > 0)).sum((1, 2, 3)) + 50)
        known = (weight.sum((1, 2, 3)) > 0).float()
        terms[name] = bce + (dice * known).mean()
    distance = torch.sigmoid(logits[:, 2:3])
    terms["distance"] = 4 * (weight * F.smooth_l1_loss(distance, target[:, 2:3], beta=0.1, reduction="none")).sum() / total
    if logits.shape[1] > 3:
        inside = weight * target[:, :1]
        off = F.smooth_l1_loss(torch.sigmoid(logits[:, 3:]), target[:, _MAPS:], beta=0.05, reduction="none")
        terms["pointers"] = 4 * (inside * off).sum() / inside.sum().clamp(min=1)
    return terms


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to autocast. "auto": on CUDA, and on processors with matrix units for it (AMX); on others float32 is faster."""
    if precision not in ("auto", "float32", "bfloat16"):
        raise SettingsError(f"precision must be auto, float32 or bfloat16, got {precision!r}")
    if precision == "auto":
        return device.type == "cuda" or torch.cpu._is_amx_tile_supported()
    return precision == "bfloat16"


def load_data(recipe: Recipe) -> tuple[list[Real], np.ndarray]:
    """All real micrographs of the recipe and the probability of drawing each."""
    items: list[Real] = []
    weights: list[float] = []
    for source in map(parse_source, recipe.data):
        found = source.read()
        items += found
        weights += [source.share / len(found)] * len(found)
    p = np.array(weights, np.float64)
    return items, p / p.sum() if len(p) else p


def sheet(x: Tensor, target: Tensor, logits: Tensor) -> np.ndarray:
    """Picture of a batch: input, true maps, predicted maps, one row per example."""
    rows = []
    prediction = torch.sigmoid(logits.float())
    for k in range(min(len(x), 6)):
        grey = x[k, 0].float().cpu().numpy()
        grey = np.clip((grey + 2.5) / 5, 0, 1)
        tiles = [grey, *target[k, :3].cpu().numpy(), *prediction[k].detach().cpu().numpy()]
        rows.append(np.hstack(tiles))
    return np.asarray(np.round(255 * np.vstack(rows)), np.uint8)


def start(recipe: Recipe) -> tuple[UNet, bool]:
    """The network to begin with, and whether its normalisation stays frozen."""
    if recipe.start_from.endswith(".onnx"):
        from .shipped import read_onnx  # brings onnx, which no other way to begin needs

        return read_onnx(Path(recipe.start_from)), recipe.statistics_batches == 0
    network = build(recipe.network)
    if recipe.start_from:
        weights = torch.load(recipe.start_from, map_location="cpu", weights_only=True)["ema"]
        network.load_state_dict(weights | _more_outputs(weights, network))
    elif recipe.pretrained:
        if not isinstance(network.encoder, EfficientNetLite):
            raise SettingsError(f"network {recipe.network!r} has no ImageNet weights; take an EfficientNet, or pretrained = false")
        load_imagenet(network.encoder)
    return network, recipe.freeze_normalisation


def _more_outputs(weights: dict[str, Tensor], network: UNet) -> dict[str, Tensor]:
    """The head of weights with fewer outputs than the network has: the first of its outputs are theirs."""
    head = {f"head.{name}": value.detach().clone() for name, value in network.head.named_parameters()}
    for name, value in head.items():
        value[: len(weights[name])] = weights[name]
    return head


class Learner:
    """A network that learns, step by step: with its optimiser and the running average of its weights (`ema`)."""

    def __init__(
        self,
        recipe: Recipe,
        network: torch.nn.Module,
        device: torch.device,
        *,
        frozen: bool = False,
        loss: Callable[[Tensor, Tensor], dict[str, Tensor]] | None = None,
    ) -> None:
        """loss: logits and true maps -> its terms, whose sum is made small; None: `loss_terms`. Parameters that need no gradient
        stay as they are."""
        self.recipe, self.device, self.loss = recipe, device, loss or loss_terms
        self.half = uses_bfloat16(recipe.precision, device)
        self.network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        if frozen:
            freeze_normalisation(self.network)
        self._forward = torch.compile(self.network) if recipe.compile else self.network
        values = self.network.state_dict()  # the tensors themselves: they change as the network learns
        self.ema = {k: v.detach().clone() for k, v in values.items()}
        floats = [k for k, v in values.items() if v.is_floating_point()]
        counts = [k for k in values if k not in floats]
        self._averages, self._weights = [self.ema[k] for k in floats], [values[k] for k in floats]
        self._copies, self._counts = [self.ema[k] for k in counts], [values[k] for k in counts]
        groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}  # (share of the rate, decays)
        for name, p in self.network.named_parameters():
            if p.requires_grad:
                groups.setdefault((recipe.rate_of(name), p.ndim > 1), []).append(p)
        parameters = [
            {"params": p, "weight_decay": recipe.weight_decay * decays, "share": share} for (share, decays), p in groups.items()
        ]
        self.optimiser = torch.optim.AdamW(parameters, lr=recipe.learning_rate, betas=(0.9, 0.99), fused=True)

    def step(self, x: Tensor, target: Tensor, *, step: int, rate: float) -> tuple[Tensor, dict[str, Tensor]]:
        """One step: (N, 1, H, W) and its true maps, on the device. Returns logits and the terms of the loss, with their sum;
        all stay on the device, so that nothing waits for it."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * rate
        x = x.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self._forward(x)
        terms = self.loss(logits.float(), target)
        loss = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        keep = min(self.recipe.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, self._weights, 1 - keep)
            if self._counts:
                torch._foreach_copy_(self._copies, self._counts)
        return logits.detach(), {k: v.detach() for k, v in (terms | {"loss": loss}).items()}

    def state(self, step: int) -> checkpoints.State:
        """What a checkpoint holds after `step` steps."""
        return {
            "network": self.network.state_dict(),
            "ema": self.ema,
            "optimiser": self.optimiser.state_dict(),
            "step": step,
            "recipe": asdict(self.recipe) | {"data": list(self.recipe.data)},
        }

    def restore(self, state: checkpoints.State) -> bool:
        """Goes on from a checkpoint; returns whether the optimiser's moments were in it."""
        self.network.load_state_dict(state["network"])
        for name, value in state["ema"].items():
            self.ema[name].copy_(value)
        if state["optimiser"] is None:
            return False
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"param_groups": groups} | state["optimiser"])
        return True


def loader(recipe: Recipe, data: Dataset, device: torch.device, *, first: int = 0) -> torch.utils.data.DataLoader[Crops]:
    """Batches from step `first` on: cut in processes of their own, two batches ahead each, or by this process."""
    more: dict[str, Any] = {}
    workers = recipe.workers if recipe.workers >= 0 else max(cores() - 1, 1) if device.type == "cuda" else 0
    if workers:
        more = {"num_workers": workers, "prefetch_factor": 2}
        cv2.setNumThreads(1)  # here: a fork that finds OpenCV's threads gone waits for them for ever
        if sys.platform == "linux":  # a fork shares the micrographs in memory; other ways to start copy them
            more["multiprocessing_context"] = "fork"
    order = range(first * recipe.batch, len(data))
    return torch.utils.data.DataLoader(data, recipe.batch, sampler=order, drop_last=True, pin_memory=device.type == "cuda", **more)


def run(
    recipe: Recipe,
    folder: Path,
    *,
    items: list[Real] | None = None,
    network: torch.nn.Module | None = None,
    resume: bool = True,
    resume_from: Sequence[Path] = (),
    slot: Slot | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Trains until `recipe.steps`, or the slot's end; returns the checkpoint's path. Goes on from FOLDER's newest checkpoint.

    items: annotated micrographs to learn from in equal shares, instead of those the recipe names
    network: any (N, 1, H, W) -> (N, 3, H, W) logits, instead of the one the recipe names
    resume_from: more run folders; the checkpoint of the most steps counts
    """
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overlays").mkdir(exist_ok=True)
    cv2.setNumThreads(1)
    items, weights = load_data(recipe) if items is None else (items, np.full(len(items), 1 / max(len(items), 1)))
    report(f"{len(items)} annotated micrographs, device {device}")

    network, frozen = start(recipe) if network is None else (network, recipe.freeze_normalisation)
    with_pointers = isinstance(network, UNet) and len(network.outputs) > len(OUTPUTS)
    found = checkpoints.newest([folder, *resume_from]) if resume else None
    examples, shared = examples_of(recipe), None
    aside = tempfile.TemporaryDirectory(prefix="nanogauge-", ignore_cleanup_errors=True)
    if recipe.crops_per_rendering > 1:
        shared = share_renderings(examples, Path(aside.name), rendered_share=recipe.synthetic_share if items else 1.0)
    data = Dataset(items, examples, length=recipe.steps * recipe.batch, weights=weights, shared=shared)
    if found is None and recipe.statistics_batches:
        batches = itertools.islice(loader(recipe, data, device), recipe.statistics_batches)
        give_statistics(network.to(device), (prepare(crops, device)[0] for crops in batches))
    learner = Learner(recipe, network, device, frozen=frozen)
    first = warm_from = 0
    if found is not None:
        state = checkpoints.load(found)
        first = int(state["step"])
        warm_from = 0 if learner.restore(state) else first
        report(f"resumed at step {first}")

    log = (folder / "log.csv").open("a", newline="", encoding="utf-8")
    table = csv.writer(log)
    if log.tell() == 0:
        table.writerow(["step", "learning_rate", *LOSSES, "seconds"])
    save = checkpoints.save_half if recipe.checkpoint_half else checkpoints.save

    saved = started = time.monotonic()
    done, sums = first, torch.zeros(len(LOSSES), device=device)
    for step, crops in enumerate(loader(recipe, data, device, first=first), start=first):
        now = time.monotonic()
        if slot is not None and now >= slot.ends:
            break
        rate = learning_rate(recipe, step, first=warm_from) * (slot.share(now) if slot else 1.0)
        x, target = prepare(crops, device, with_pointers=with_pointers)
        logits, terms = learner.step(x, target, step=step, rate=rate)
        done = step + 1
        sums += torch.stack([terms[name] for name in LOSSES])
        if done % 20 == 0:
            means = [f"{v / min(20, done - first):.4f}" for v in sums.tolist()]
            table.writerow([done, f"{rate:.2e}", *means, f"{time.monotonic() - started:.0f}"])
            log.flush()
            sums.zero_()
            if shared is not None:
                shared.forget(done * recipe.batch)
        if done % recipe.overlay_steps == 0:
            cv2.imwrite(str(folder / "overlays" / f"{done:06d}.png"), sheet(x, target, logits))
            report(f"step {done} of {recipe.steps}")
        if time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            save(folder, learner.state(done))
            saved = time.monotonic()
    log.close()
    aside.cleanup()
    return save(folder, learner.state(done))


def last_step(folder: Path) -> int:
    """The step of a run folder's newest checkpoint. Raises FileNotFoundError where there is none."""
    found = checkpoints.newest([folder])
    if found is None:
        raise FileNotFoundError(f"{folder}: no checkpoint.pt; nothing has been trained there yet")
    return checkpoints.step_of(found)
