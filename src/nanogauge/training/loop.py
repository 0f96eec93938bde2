"""The training loop, read from top to bottom: data, network, optimiser, schedule, steps, checkpoints.

One script for CPU and CUDA. A run is a folder: config.toml, log.csv, overlays/, checkpoint.pt (the newest), which `run` resumes.
Schedule: linear warm-up, constant, cosine cool-down (Hu et al. 2024, "warmup-stable-decay"): a run can be cooled down from any
checkpoint of its plateau, so a budget need not be known beforehand.
"""

from __future__ import annotations

import csv
import math
import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .dataset import Dataset, Examples, read_folder
from .efficientnet import EfficientNetLite, load_imagenet
from .network import UNet, build, freeze_normalisation
from .real import Real
from .shipped import read_onnx


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run. `data` names folders with images/ and labels/ and, after a colon, an optional file of ids, and
    after an equals sign the share of the real crops drawn from it: "emps:emps/train.txt=0.9"."""

    data: tuple[str, ...] = ()
    network: str = "unet-efficientnet-lite2"
    pretrained: bool = False  # begin with the encoder's ImageNet weights (EfficientNet only)
    start_from: str = ""  # a checkpoint or exported network (.onnx) whose weights to start from
    freeze_normalisation: bool = False  # keep the statistics of batch normalisation; always so for an exported network
    steps: int = 10_000
    batch: int = 8
    crop_px: int = 192
    synthetic_share: float = 0.3
    diameter_px: float = 44.0  # the particles' typical diameter, in working px: median and deviation in ln
    diameter_spread: float = 0.55
    diameters: tuple[float, float] = (8.0, 210.0)  # never less or more
    least_filled: float = 0.7  # of a crop's side, by the whole micrograph
    copy_paste_share: float = 0.25
    second_population_share: float = 0.0  # of the crops with copy-paste
    learning_rate: float = 1e-3
    encoder_rate: float = 1.0  # of the learning rate, for the encoder
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    cooldown_steps: int = 2_000
    ema_decay: float = 0.998
    clip_norm: float = 2.0
    precision: str = "auto"  # float32, bfloat16 (autocast), or auto
    checkpoint_minutes: float = 5.0
    overlay_steps: int = 500
    seed: int = 1
    workers: int = 0


def read_recipe(path: Path, **changes: Any) -> Recipe:
    """Recipe from TOML; an unknown key raises TypeError with its name."""
    values = tomllib.loads(path.read_text(encoding="utf-8")) | {k: v for k, v in changes.items() if v is not None}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Recipe(**values)


def examples_of(recipe: Recipe) -> Examples:
    """How the recipe draws its examples."""
    shared = {f.name for f in fields(Examples)} & {f.name for f in fields(Recipe)}
    return Examples(**{name: getattr(recipe, name) for name in shared})


def learning_rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step: warm-up, plateau, cosine cool-down to a hundredth."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    left = recipe.steps - step
    if left >= recipe.cooldown_steps:
        return recipe.learning_rate
    fraction = 1 - left / max(recipe.cooldown_steps, 1)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fraction)))


def loss_terms(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Foreground: cross-entropy + Dice; boundary: cross-entropy (positives twofold) + Dice; distance: smooth L1."""
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
    return terms


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to autocast. "auto": on CUDA, and on processors with matrix units for it (AMX); on others float32 is faster."""
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be auto, float32 or bfloat16, got {precision!r}")
    if precision == "auto":
        return device.type == "cuda" or torch.cpu._is_amx_tile_supported()
    return precision == "bfloat16"


def load_data(recipe: Recipe) -> tuple[list[Real], np.ndarray]:
    """All real micrographs of the recipe and the probability of drawing each."""
    items: list[Real] = []
    weights: list[float] = []
    for entry in recipe.data:
        entry, _, share = entry.partition("=")
        share, _, kind = share.partition(" ")
        if kind not in ("", "foreground", "rough"):
            raise ValueError(f"data: after the share comes nothing, 'foreground' or 'rough', got {kind!r} in {entry!r}")
        folder, _, ids = entry.partition(":")
        names = Path(ids).read_text(encoding="utf-8").split() if ids else None
        found = read_folder(Path(folder), names, instances=kind != "foreground", rough=kind == "rough")
        items += found
        weights += [float(share or 1) / len(found)] * len(found)
    p = np.array(weights, np.float64)
    return items, p / p.sum() if len(p) else p


def sheet(x: Tensor, target: Tensor, logits: Tensor) -> np.ndarray:
    """Picture of a batch: input, true maps, predicted maps, a row an example."""
    rows = []
    prediction = torch.sigmoid(logits.float())
    for k in range(min(len(x), 6)):
        grey = x[k, 0].float().cpu().numpy()
        grey = np.clip((grey + 2.5) / 5, 0, 1)
        tiles = [grey, *target[k, :3].cpu().numpy(), *prediction[k].detach().cpu().numpy()]
        rows.append(np.hstack(tiles))
    return np.asarray(np.round(255 * np.vstack(rows)), np.uint8)


def save(path: Path, state: dict[str, Any]) -> None:
    """Written aside and renamed: a kill in between leaves the old one."""
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def start(recipe: Recipe) -> tuple[UNet, bool]:
    """The network to begin with, and whether its normalisation stays frozen."""
    if recipe.start_from.endswith(".onnx"):
        return read_onnx(Path(recipe.start_from)), True
    network = build(recipe.network)
    if recipe.start_from:
        network.load_state_dict(torch.load(recipe.start_from, map_location="cpu", weights_only=True)["ema"])
    elif recipe.pretrained:
        if not isinstance(network.encoder, EfficientNetLite):
            raise ValueError(f"network {recipe.network!r} has no ImageNet weights; take an EfficientNet, or pretrained = false")
        load_imagenet(network.encoder)
    return network, recipe.freeze_normalisation


def run(
    recipe: Recipe,
    folder: Path,
    *,
    items: list[Real] | None = None,
    network: torch.nn.Module | None = None,
    resume: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Trains until `recipe.steps`; returns the checkpoint's path. Resumes FOLDER/checkpoint.pt where there is one.

    items: annotated micrographs to learn from in equal shares, instead of those the recipe names
    network: any (N, 1, H, W) -> (N, 3, H, W) logits, instead of the one the recipe names
    """
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overlays").mkdir(exist_ok=True)
    cv2.setNumThreads(1)
    half = uses_bfloat16(recipe.precision, device)
    items, weights = load_data(recipe) if items is None else (items, np.full(len(items), 1 / max(len(items), 1)))
    report(f"{len(items)} annotated micrographs, device {device}")

    network, frozen = start(recipe) if network is None else (network, recipe.freeze_normalisation)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = {k: v.detach().clone().float() if v.is_floating_point() else v.clone() for k, v in network.state_dict().items()}
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}  # (in the encoder, decays)
    for name, p in network.named_parameters():
        groups.setdefault((name.startswith("encoder."), p.ndim > 1), []).append(p)
    parameters = [
        {"params": p, "weight_decay": recipe.weight_decay * decays, "share": recipe.encoder_rate if encoder else 1.0}
        for (encoder, decays), p in groups.items()
    ]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.learning_rate, betas=(0.9, 0.99), fused=True)
    first = 0
    checkpoint = folder / "checkpoint.pt"
    if resume and checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        ema, first = state["ema"], int(state["step"])
        report(f"resumed at step {first}")

    data = Dataset(items, examples_of(recipe), length=recipe.steps * recipe.batch, weights=weights)
    order = range(first * recipe.batch, recipe.steps * recipe.batch)
    loader = torch.utils.data.DataLoader(data, recipe.batch, sampler=order, num_workers=recipe.workers, drop_last=True)
    log = (folder / "log.csv").open("a", newline="", encoding="utf-8")
    table = csv.writer(log)
    if first == 0:
        table.writerow(["step", "learning_rate", "loss", "foreground", "boundary", "distance", "seconds"])

    def state_now(step: int) -> dict[str, Any]:
        return {
            "network": network.state_dict(),
            "ema": ema,
            "optimiser": optimiser.state_dict(),
            "step": step,
            "recipe": asdict(recipe) | {"data": list(recipe.data)},
        }

    network.train()
    if frozen:
        freeze_normalisation(network)
    saved = started = time.monotonic()
    sums: dict[str, float] = {}
    for step, (x, target) in enumerate(loader, start=first):
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(recipe, step)
        x = x.to(device, memory_format=torch.channels_last)
        target = target.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(x)
        terms = loss_terms(logits.float(), target)
        loss = torch.stack(list(terms.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimiser.step()
        keep = min(recipe.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if value.is_floating_point():
                    ema[name].lerp_(value.float(), 1 - keep)
                else:
                    ema[name].copy_(value)
        for name, term in (terms | {"loss": loss}).items():
            sums[name] = sums.get(name, 0.0) + float(term.detach())
        if (step + 1) % 20 == 0:
            means = [f"{sums[k] / 20:.4f}" for k in ("loss", "foreground", "boundary", "distance")]
            table.writerow([step + 1, f"{learning_rate(recipe, step):.2e}", *means, f"{time.monotonic() - started:.0f}"])
            log.flush()
            sums = {}
        if (step + 1) % recipe.overlay_steps == 0:
            cv2.imwrite(str(folder / "overlays" / f"{step + 1:06d}.png"), sheet(x, target, logits))
            report(f"step {step + 1} of {recipe.steps}")
        if time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            save(checkpoint, state_now(step + 1))
            saved = time.monotonic()
    save(checkpoint, state_now(recipe.steps))
    log.close()
    return checkpoint


def cool_down(recipe: Recipe, *, at_step: int, steps: int) -> Recipe:
    """The recipe that ends a plateau at `at_step` with a cool-down of `steps`."""
    return replace(recipe, steps=at_step + steps, cooldown_steps=steps)


def last_step(folder: Path) -> int:
    """The step of a run folder's newest checkpoint. Raises FileNotFoundError where there is none."""
    return int(torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True, mmap=True)["step"])
