"""What the loops of the small networks share, of the locator, of letters and the size estimator: one optimiser, few settings."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import checkpoints

_WARM_UP, _EMA = 100, 0.998  # of those that `taught` trains


def rate_at(step: int, share: float, *, rate: float, warm_up: int) -> float:
    """Learning rate: a linear warm-up under a cosine that falls to nothing. share: of the run that is done."""
    return rate * min(1.0, (step + 1) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-6


def taught(
    out: Path,
    network: nn.Module,
    example: Callable[[np.random.Generator], tuple[NDArray[np.generic], ...]],
    loss: Callable[..., Tensor],
    *,
    steps: int,
    seed: int,
    batch: int,
    rate: float,
    keep_minutes: float,
    minutes: float | None = None,
) -> Path:
    """Trains for so many steps in all, on from OUT/checkpoint.pt where it is, or for so many minutes; the checkpoint's path.

    example: grey levels (H, W) of 0 to 255, and what the loss is told of them beside what the network makes of them
    """
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    done = resumed(out, network, averaged, optimiser)
    network.train()
    started = saved = time.monotonic()
    losses: list[float] = []
    for step in range(done, steps):
        rng = np.random.default_rng([seed, step])
        grey, *truth = (np.stack(part) for part in zip(*(example(rng) for _ in range(batch)), strict=True))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, step / steps, rate=rate, warm_up=_WARM_UP)
        x = torch.from_numpy(grey[:, None].astype(np.float32) / 255)
        value = loss(network(x), *(torch.from_numpy(part) for part in truth))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        follow(averaged, network, step=step, decay=_EMA)
        losses.append(float(value.detach()))
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-50:]):.4f}", flush=True)
        over = minutes is not None and time.monotonic() - started > 60 * minutes
        if time.monotonic() - saved > 60 * keep_minutes or step == steps - 1 or over:
            kept(out, network, averaged, optimiser, step=step + 1)
            saved = time.monotonic()
        if over:
            break
    return out / "checkpoint.pt"


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
