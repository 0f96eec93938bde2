"""The class head learns: alone, on a network that stays as it is, or together with all of it."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import SettingsError
from ...detection.engines.onnx import DEFAULT
from .. import checkpoints
from ..batches import toned
from ..export import classes_in, load
from ..loop import Learner, loader
from ..network import UNet, build, freeze_normalisation
from ..recipe import Recipe, examples_of, learning_rate
from ..shipped import network_of, read_onnx
from .data import UNLABELLED, Classed
from .examples import ClassCrops, Render, as_real, shares

_HEAD = "class_head"
_SMOOTH = 50.0  # px, of the Dice loss
# classes of particles are to be told alike well, however many there are of each; a crop has few kinds of them
_OF_PARTICLES: dict[str, Any] = {"balance": 1.0, "batch": 4, "learning_rate": 4e-3}


@dataclass(frozen=True, kw_only=True)
class ClassRecipe(Recipe):
    """How classes are learned.

    names: of the classes; of: "particles", shown at the size the network sees best, or "phases", pixels shown as they are
    whole: all of the network learns, its body at `body_rate` of the learning rate; else the head alone, and what the network says
        of particles stays as it was
    balance: how far rare classes count more, from 0, pixel by pixel, to 1, class by class
    synthetic_share: of the crops that `render` draws, where `learn` is given one
    """

    names: tuple[str, ...] = ()
    of: str = "particles"
    whole: bool = False
    balance: float = 0.5
    body_rate: float = 0.02
    start_from: str = str(DEFAULT)
    network: str = field(default_factory=lambda: network_of(DEFAULT))
    steps: int = 300
    synthetic_share: float = 0.0
    diameter_px: float = 32.0
    diameter_spread: float = 0.3
    diameters: tuple[float, float] = (6.0, 260.0)
    copy_paste_share: float = 0.0
    learning_rate: float = 2e-3
    warmup_steps: int = 20
    cooldown_steps: int = 250
    ema_decay: float = 0.97

    def rate_of(self, name: str) -> float:
        """The head's own, or the body's share of it."""
        return 1.0 if name.startswith(_HEAD) else self.body_rate


def class_recipe(
    names: Sequence[str], *, of: str = "particles", start_from: str = "shipped", steps: int = 300, **changes: Any
) -> ClassRecipe:
    """A recipe for these classes; `changes` are fields of `ClassRecipe`. SettingsError where the network to start from is none."""
    path = DEFAULT if start_from == "shipped" else Path(start_from)
    if not path.is_file():
        raise SettingsError(f'--from {start_from}: must be "shipped", an exported network (FILE.onnx) or a checkpoint')
    if path.suffix == ".onnx":
        network = network_of(path)
    else:
        network = torch.load(path, map_location="cpu", weights_only=True)["recipe"]["network"]
    recipe = ClassRecipe(
        names=tuple(names), of=of, start_from=str(path), network=network, steps=steps,
        warmup_steps=min(20, max(steps // 10, 1)), cooldown_steps=max(steps * 5 // 6, 1),
    )  # fmt: skip
    return replace(recipe, **(_OF_PARTICLES if of == "particles" else {}) | changes)


def begin(recipe: ClassRecipe) -> UNet:
    """The network to begin with: the weights of another, and a class head that knows nothing, unless the other's is of the same
    classes."""
    path = Path(recipe.start_from)
    if path.suffix == ".onnx":
        before, names = read_onnx(path), classes_in(path)
    else:
        before = load(path)
        names = tuple(torch.load(path, map_location="cpu", weights_only=True)["recipe"].get("names", ()))
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, classes=len(recipe.names))
    kept = {k: v for k, v in before.state_dict().items() if names == recipe.names or not k.startswith(_HEAD)}
    network.load_state_dict(kept, strict=False)
    for name, child in network.named_children():
        if name != _HEAD and not recipe.whole:
            child.requires_grad_(False)
    network.head.requires_grad_(False)  # nothing teaches it
    return network


def class_loss(logits: Tensor, target: Tensor, *, weights: Tensor, dice: bool) -> dict[str, Tensor]:
    """Cross-entropy of the classes, each pixel with its class's weight; and Dice of each class that is there, where areas count.

    logits: (N, n + K, H, W); target: (N, H, W) classes, `UNLABELLED` where none is known; weights: (K,)
    """
    z = logits[:, -len(weights) :]
    known = target != UNLABELLED
    total = weights[target[known]].sum().clamp(min=1e-6)
    terms = {"classes": F.cross_entropy(z, target, weight=weights, ignore_index=UNLABELLED, reduction="sum") / total}
    if dice:
        p = torch.softmax(z, 1) * known[:, None]
        true = F.one_hot(target.clamp(max=z.shape[1]), z.shape[1] + 1).movedim(-1, 1)[:, :-1] * known[:, None]
        both, there = (p * true).sum((0, 2, 3)), true.sum((0, 2, 3))
        each = 1 - (2 * both + _SMOOTH) / (p.sum((0, 2, 3)) + there + _SMOOTH)
        terms["dice"] = each[there > 0].mean() if bool((there > 0).any()) else z.sum() * 0
    return terms


def learn(
    recipe: ClassRecipe,
    items: Sequence[Classed],
    out: Path,
    *,
    render: Render | None = None,
    resume: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Learns from micrographs, from what `render` draws, or both; returns OUT/checkpoint.pt, from which it goes on.

    Raises SettingsError where there is nothing to learn from, or nothing of a class.
    """
    k = len(recipe.names)
    share = shares(items, k, render=render, seed=recipe.seed)
    if not items and render is None:
        raise SettingsError("no micrograph to learn from")
    absent = [n for n, s in zip(recipe.names, share, strict=True) if s == 0]
    if absent and (items or render is not None):
        raise SettingsError(f"nothing to learn {', '.join(absent)} from: no pixel of it; annotate more, or hold out less")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    weights = torch.tensor(share**-recipe.balance / (share ** (1 - recipe.balance)).sum(), dtype=torch.float32, device=device)
    loss = partial(class_loss, weights=weights, dice=recipe.of == "phases")
    learner = Learner(recipe, begin(recipe), device, loss=loss)
    for name, child in learner.network.named_children():
        if name != _HEAD:
            freeze_normalisation(child)
    first = 0
    found = checkpoints.newest([out]) if resume else None
    if found is not None:
        state = checkpoints.load(found)
        before = state["recipe"]
        if (
            tuple(before.get("names", ())) != recipe.names
            or before.get("whole") != recipe.whole
            or before["network"] != recipe.network
        ):
            raise SettingsError(f"{found}: of other classes or another kind of run; give --fresh, or another folder")
        first = int(state["step"])
        learner.restore(state)
        report(f"resumed at step {first}")
    rng = np.random.default_rng(recipe.seed)
    real = [as_real(i, usual_px=recipe.diameter_px, rng=rng) for i in items]
    data = ClassCrops(real, examples_of(recipe), length=recipe.steps * recipe.batch, render=render)
    done, sums, saved = first, [], time.monotonic()
    with (out / "log.csv").open("a", newline="", encoding="utf-8") as log:
        table = csv.writer(log)
        if log.tell() == 0:
            table.writerow(["step", "learning_rate", "loss"])
        for step, crops in enumerate(loader(recipe, data, device, first=first), start=first):
            rate = learning_rate(recipe, step)
            x = toned(crops.grey.to(device, non_blocking=True), crops.tone)[:, None]
            target = (crops.labels.to(device).long() - 1) * crops.valid.to(device) - (~crops.valid.to(device)).long()
            target = torch.where(target < 0, UNLABELLED, target)
            _, terms = learner.step(x, target, step=step, rate=rate)
            done = step + 1
            sums.append(float(terms["loss"]))
            if done % 20 == 0:
                table.writerow([done, f"{rate:.2e}", f"{np.mean(sums):.4f}"])
                log.flush()
                sums.clear()
            if done % 100 == 0:
                report(f"step {done} of {recipe.steps}")
            if time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
                checkpoints.save(out, learner.state(done))
                saved = time.monotonic()
    return checkpoints.save(out, learner.state(done))
