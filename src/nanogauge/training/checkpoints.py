"""What a run leaves to go on from: one exact file, or four small ones in half precision.

    RUN/checkpoint.pt                     everything, as it is in memory
    RUN/half/000400/ema.pt, network.pt, moment1.pt, moment2.pt      step 400, a quarter of the size in all

Weights are rounded to half precision (norms, biases and statistics are not), Adam's moments to bfloat16, whose range they need.
`ema.pt` can be exported and started from as checkpoint.pt can. A run goes on without the moments, too, and then warms up again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]
"""network, ema: tensors by name; optimiser: AdamW's own state, or None; step: steps done; recipe: its fields."""

MOMENTS = {"moment1": "exp_avg", "moment2": "exp_avg_sq"}


def save(folder: Path, state: State) -> Path:
    """Writes RUN/checkpoint.pt, aside first and then renamed: a kill in between leaves the old one."""
    path = folder / "checkpoint.pt"
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
    return path


def save_half(folder: Path, state: State) -> Path:
    """Writes RUN/half/STEP, likewise, and removes those of earlier steps; returns STEP's ema.pt."""
    place = folder / "half" / f"{state['step']:06d}"
    aside = place.with_suffix(".tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    facts = {"step": state["step"], "recipe": state["recipe"]}
    for part in ("network", "ema"):
        torch.save(facts | {part: rounded(state[part])}, aside / f"{part}.pt")
    if state["optimiser"] is not None:
        for part, name in MOMENTS.items():
            moments = {i: v[name].to("cpu", torch.bfloat16) for i, v in state["optimiser"]["state"].items()}
            torch.save(facts | {part: moments}, aside / f"{part}.pt")
    shutil.rmtree(place, ignore_errors=True)
    aside.rename(place)
    for old in _halves(folder):
        if old != place:
            shutil.rmtree(old)
    return place / "ema.pt"


def rounded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in half precision, on the CPU; what has one dimension or none as it was."""
    here = {k: v.detach().to("cpu") for k, v in tensors.items()}
    return {k: v.to(torch.float16) if v.is_floating_point() and v.ndim > 1 else v.clone() for k, v in here.items()}


def newest(folders: Iterable[Path]) -> Path | None:
    """The checkpoint of the most steps in any of these run folders (a file, or a folder of halves); None where there is none."""
    found = [c for f in folders for c in (f / "checkpoint.pt", *_halves(f)) if c.exists()]
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The steps that a checkpoint has behind it."""
    if checkpoint.is_dir():
        return int(checkpoint.name)
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["step"])


def load(checkpoint: Path) -> State:
    """The state in a checkpoint that `newest` found; "optimiser" is None where its moments are missing."""
    if not checkpoint.is_dir():
        state: State = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return state
    parts = {p.stem: torch.load(p, map_location="cpu", weights_only=True) for p in sorted(checkpoint.glob("*.pt"))}
    state = {"step": step_of(checkpoint), "recipe": parts["ema"]["recipe"], "optimiser": None}
    state |= {part: {k: _full(v) for k, v in parts[part][part].items()} for part in ("network", "ema")}
    if set(MOMENTS) <= set(parts):
        at = torch.tensor(float(state["step"]))
        moments = {part: parts[part][part] for part in MOMENTS}
        each = {i: {"step": at.clone()} | {n: _full(moments[p][i]) for p, n in MOMENTS.items()} for i in moments["moment1"]}
        state["optimiser"] = {"state": each}
    return state


def _halves(folder: Path) -> list[Path]:
    """Complete half checkpoints of a run."""
    return sorted(p for p in (folder / "half").glob("*") if p.name.isdigit() and (p / "ema.pt").exists())


def _full(value: Tensor) -> Tensor:
    return value.to(torch.float32) if value.is_floating_point() else value
