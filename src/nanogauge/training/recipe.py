"""What a training run is to do: a recipe, its schedule, and the time that it may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.toml import Choices, Ranges, filled_in, read_toml
from .dataset import Examples
from .synthetic.motifs import MOTIFS, shares_with


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run. `data` names folders with images/ and labels/ and, after a colon, an optional file of ids, and
    after an equals sign the share of the real crops drawn from it: "emps:emps/train.txt=0.9"."""

    data: tuple[str, ...] = ()
    network: str = "unet-efficientnet-lite2"
    pretrained: bool = False  # begin with the encoder's ImageNet weights (EfficientNet only)
    start_from: str = ""  # a checkpoint or exported network (.onnx) whose weights to start from
    freeze_normalisation: bool = False  # keep the statistics of batch normalisation; always so for an exported network,
    statistics_batches: int = 0  # unless it is given statistics again, of so many batches
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
    flattened_share: float = 0.0  # of the crops whose particles are all small: without their slow changes
    motif_shares: dict[str, float] = field(default_factory=dict)  # of the renderings; motifs left out keep their own
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
    "statistics_batches": (0, 10**6),
    "flattened_share": _SHARE,
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
    _check_motifs(recipe.motif_shares, str(path))
    return recipe


def _check_motifs(shares: Mapping[str, float], where: str) -> None:
    """Raises SettingsError for a motif that is not known, a share out of range, and where all shares together exceed 1."""
    for name, share in shares.items():
        if name not in MOTIFS:
            raise SettingsError(f"{where}: [motif_shares] unknown motif {name!r}; known: {', '.join(MOTIFS)}")
        if not 0 <= share <= 1:
            raise SettingsError(f"{where}: [motif_shares] {name} must lie in 0 ... 1, got {share!r}")
    total = sum(shares_with(shares).values())
    if total > 1 + 1e-9:
        raise SettingsError(f"{where}: [motif_shares] with those left out, all shares add up to {total:.3g}; 1 at most")


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


def cool_down(recipe: Recipe, *, at_step: int, steps: int) -> Recipe:
    """The recipe that ends a plateau at `at_step` with a cool-down of `steps`."""
    return replace(recipe, steps=at_step + steps, cooldown_steps=steps)
