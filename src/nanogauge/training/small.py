"""What the loops of the small networks share, of the locator and the size estimator: one optimiser, few settings."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from . import checkpoints


def rate_at(step: int, share: float, *, rate: float, warm_up: int) -> float:
    """Learning rate: a linear warm-up under a cosine that falls to nothing. share: of the run that is done."""
    return rate * min(1.0, (step + 1) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-6


def follow(averaged: nn.Module, network: nn.Module, *, step: int, decay: float) -> None:
    """Takes a step's weights into their running average; counts are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for a, b in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.mul_(decay).add_(b, alpha=1 - decay)
            else:
                a.copy_(b)


def resumed(folder: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Goes on from FOLDER/checkpoint.pt where it is; the steps done."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = checkpoints.load(path)
    network.load_state_dict(state["network"])
    averaged.load_state_dict(state["ema"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def kept(folder: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, *, step: int) -> Path:
    """Writes FOLDER/checkpoint.pt after so many steps."""
    state = {"network": network.state_dict(), "ema": averaged.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    return checkpoints.save(folder, state)
