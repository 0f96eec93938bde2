"""The training loop, read from top to bottom: data, network, optimiser, schedule, steps, checkpoints.

One script for CPU and CUDA. A run is a folder: log.csv, overlays/, and a checkpoint (see `checkpoints`), from which `run` goes on.
Processes that load data cut crops ahead; what can be done to a batch at once is done where the network is (`batches`).
Schedule: linear warm-up, constant, cosine cool-down (Hu et al. 2024, "warmup-stable-decay"): a run can be cooled down from any
checkpoint of its plateau, so a budget need not be known beforehand.
"""

from __future__ import annotations

import csv
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.cpu import cores
from ..core.errors import SettingsError
from ..core.toml import Choices, Ranges, filled_in, read_toml
from . import checkpoints
from .batches import Crops, prepare
from .dataset import Dataset, Examples, parse_source, share_renderings
from .efficientnet import EfficientNetLite, load_imagenet
from .network import UNet, build, freeze_normalisation
from .real import Real

LOSSES = ("loss", "foreground", "boundary", "distance")


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
    crops_per_rendering: int = 1  # rendered crops cut from one rendering; 1: each crop is a rendering of its own
    rendering_px: int = 512  # side of the renderings that several crops share
    learning_rate: float = 1e-3
    encoder_rate: float = 1.0  # of the learning rate, for the encoder
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    cooldown_steps: int = 2_000
    ema_decay: float = 0.998
    clip_norm: float = 2.0
    precision: str = "auto"  # float32, bfloat16 (autocast), or auto
    compile: bool = False  # torch.compile the network: some minutes at the start
    checkpoint_minutes: float = 5.0
    checkpoint_half: bool = False  # small checkpoints in half precision instead of an exact one
    overlay_steps: int = 500
    seed: int = 1
    workers: int = -1  # processes that load data; below 0: on CUDA one a core but one, on the CPU none

    def rate_of(self, name: str) -> float:
        """Share of the learning rate of a parameter, by its name in the network."""
        return self.encoder_rate if name.startswith("encoder.") else 1.0


_SHARE = (0, 1)
_STRIDE_PX = 32  # of the networks' coarsest maps
_RANGES: Ranges = {
    "steps": (0, 10**9),
    "batch": (1, 10**6),
    "crop_px": (32, 8192),
    "synthetic_share": _SHARE,
    "diameter_px": (1, 8192),
    "diameter_spread": (0, 10),
    "least_filled": _SHARE,
    "copy_paste_share": _SHARE,
    "second_population_share": _SHARE,
    "crops_per_rendering": (1, 10**6),
    "rendering_px": (64, 8192),
    "learning_rate": (1e-12, 100),
    "encoder_rate": (0, 100),
    "weight_decay": (0, 100),
    "warmup_steps": (0, 10**9),
    "cooldown_steps": (0, 10**9),
    "ema_decay": _SHARE,
    "clip_norm": (1e-12, 1e12),
    "checkpoint_minutes": (0, 1e6),
    "overlay_steps": (1, 10**9),
    "seed": (0, 2**31 - 1),
    "workers": (-1, 1024),
}
_CHOICES: Choices = {"precision": ("auto", "float32", "bfloat16")}


def read_recipe(path: Path, **changes: Any) -> Recipe:
    """A recipe from a TOML file, with some values changed; None changes nothing.

    Raises SettingsError, naming the file and the key, for an unknown key, a wrong type or a value out of range.
    """
    values = read_toml(path, remedy="give the path of a recipe") | {k: v for k, v in changes.items() if v is not None}
    recipe = filled_in(Recipe(), values, where=str(path), ranges=_RANGES, choices=_CHOICES)
    if recipe.crop_px % _STRIDE_PX:
        raise SettingsError(f"{path}: crop_px must be a multiple of {_STRIDE_PX}, got {recipe.crop_px}")
    return recipe


def examples_of(recipe: Recipe) -> Examples:
    """How the recipe draws its examples."""
    shared = {f.name for f in fields(Examples)} & {f.name for f in fields(Recipe)}
    return Examples(**{name: getattr(recipe, name) for name in shared})


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A stretch of time to train in. ends: when, by time.monotonic(); cool_down: seconds before it over which the learning rate
    falls to nothing."""

    ends: float
    cool_down: float = 0.0

    def share(self, now: float) -> float:
        """Of the learning rate, at a time: 1, then along a cosine to 0 at the end."""
        left = (self.ends - now) / self.cool_down if self.cool_down > 0 else 1.0
        return 0.5 * (1 - math.cos(math.pi * min(max(left, 0.0), 1.0)))


def learning_rate(recipe: Recipe, step: int, *, first: int = 0) -> float:
    """Learning rate of a step: warm-up from step `first`, plateau, cosine cool-down to a hundredth."""
    if step - first < recipe.warmup_steps:
        return recipe.learning_rate * (step - first + 1) / recipe.warmup_steps
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

        return read_onnx(Path(recipe.start_from)), True
    network = build(recipe.network)
    if recipe.start_from:
        network.load_state_dict(torch.load(recipe.start_from, map_location="cpu", weights_only=True)["ema"])
    elif recipe.pretrained:
        if not isinstance(network.encoder, EfficientNetLite):
            raise SettingsError(f"network {recipe.network!r} has no ImageNet weights; take an EfficientNet, or pretrained = false")
        load_imagenet(network.encoder)
    return network, recipe.freeze_normalisation


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
    learner = Learner(recipe, network, device, frozen=frozen)
    first = warm_from = 0
    found = checkpoints.newest([folder, *resume_from]) if resume else None
    if found is not None:
        state = checkpoints.load(found)
        first = int(state["step"])
        warm_from = 0 if learner.restore(state) else first
        report(f"resumed at step {first}")

    examples, shared = examples_of(recipe), None
    aside = tempfile.TemporaryDirectory(prefix="nanogauge-", ignore_cleanup_errors=True)
    if recipe.crops_per_rendering > 1:
        shared = share_renderings(examples, Path(aside.name), rendered_share=recipe.synthetic_share if items else 1.0)
    data = Dataset(items, examples, length=recipe.steps * recipe.batch, weights=weights, shared=shared)
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
        x, target = prepare(crops, device)
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


def cool_down(recipe: Recipe, *, at_step: int, steps: int) -> Recipe:
    """The recipe that ends a plateau at `at_step` with a cool-down of `steps`."""
    return replace(recipe, steps=at_step + steps, cooldown_steps=steps)


def last_step(folder: Path) -> int:
    """The step of a run folder's newest checkpoint. Raises FileNotFoundError where there is none."""
    found = checkpoints.newest([folder])
    if found is None:
        raise FileNotFoundError(f"{folder}: no checkpoint.pt; nothing has been trained there yet")
    return checkpoints.step_of(found)
