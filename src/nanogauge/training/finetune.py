"""Fine-tuning on a user's own annotated micrographs: learn from most of them, say before and after on the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import SettingsError
from ..core.settings import Settings
from ..detection.engines.onnx import DEFAULT, OnnxEngine
from ..detection.find import find_particles
from ..reading import SUFFIXES, read_micrograph
from ..results.interchange import find_annotations, read_annotation
from .dataset import make_real, read_unknown, without_unknown
from .evaluate import score_image, summarise_scores
from .export import export_file
from .loop import run
from .real import Real
from .recipe import Recipe
from .shipped import network_of

FIGURES = {
    "iou_pooled": "IoU, pooled",
    "f50_mean": "F1@0.5 of the particles, mean",
    "pq_mean": "panoptic quality, mean",
    "particle_mre": "relative diameter error, mean",
}


@dataclass(frozen=True)
class FineTuned:
    """before, after: figures of `nanogauge.training.evaluate` on the held-out micrographs; network: the new ONNX file."""

    network: Path
    held_out: tuple[str, ...]
    before: dict[str, float]
    after: dict[str, float]

    @property
    def better(self) -> bool:
        """Whether instances and outlines together gained."""
        return self.after["f50_mean"] + self.after["iou_pooled"] > self.before["f50_mean"] + self.before["iou_pooled"]


def recipe(*, start_from: str = "shipped", steps: int = 150, seed: int = 1) -> Recipe:
    """A short run from an existing network: small steps, statistics frozen, a fifth of the crops rendered against forgetting."""
    path = DEFAULT if start_from == "shipped" else Path(start_from)
    return Recipe(
        start_from=str(path),
        network=network_of(path) if path.is_file() else "",  # what is not there is named when it is loaded
        freeze_normalisation=True,
        steps=steps,
        warmup_steps=min(10, steps),
        cooldown_steps=max(steps - 10, 1),
        learning_rate=2e-5,  # 1e-4 spoiled the network: its normalisation is folded into the weights, so Adam's steps are large
        ema_decay=0.97,
        synthetic_share=0.2,
        overlay_steps=50,
        seed=seed,
    )


def read_annotated(folder: Path, *, report: Callable[[str], None]) -> list[tuple[Path, Real]]:
    """Every annotated micrograph of FOLDER; what has no annotation is named and left out. FOLDER/unknown/NAME.png says where in
    NAME nobody knows what is there."""
    found = []
    for path, annotation in find_annotations(folder, picture_suffixes=SUFFIXES).items():
        if annotation is None:
            report(f"{path.name}: no annotation, left out")
            continue
        grey = read_micrograph(path).grey8()
        marks = read_annotation(annotation, shape=(grey.shape[0], grey.shape[1]), image_name=path.name)
        for warning in marks.warnings:
            report(f"{annotation.name}: {warning}")
        found.append((path, make_real(path.name, grey, marks.labels, unknown=read_unknown(folder, path.stem))))
    return found


def fine_tune(folder: Path, out: Path, how: Recipe, *, hold_out: float = 0.2, report: Callable[[str], None] = print) -> FineTuned:
    """Trains on FOLDER by `how`, writes OUT/network.onnx (int8, calibrated on the micrographs learned from) and
    OUT/figures.json. Raises SettingsError where fewer than two micrographs are annotated."""
    items = read_annotated(folder, report=report)
    if len(items) < 2:
        raise SettingsError(f"{folder}: {len(items)} annotated micrograph; at least two are needed, one of them to test on")
    order = np.random.default_rng(how.seed).permutation(len(items))
    n_held = min(max(math.ceil(hold_out * len(items)), 1), len(items) - 1)
    held, learned = [items[i] for i in order[:n_held]], [items[i] for i in order[n_held:]]
    report(f"learning from {len(learned)} micrographs, testing on {n_held}: {', '.join(r.name for _, r in held)}")
    before = score(_engine(how.start_from), [r for _, r in held])
    checkpoint = run(how, out, items=[r for _, r in learned], report=report)
    network = out / "network.onnx"
    export_file(checkpoint, network, [p for p, _ in learned])
    result = FineTuned(network, tuple(r.name for _, r in held), before, score(OnnxEngine(network), [r for _, r in held]))
    figures = {"held_out": result.held_out, "before": result.before, "after": result.after}
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return result


def score(engine: OnnxEngine, items: list[Real]) -> dict[str, float]:
    """Figures of `FIGURES` of an engine on annotated micrographs; what lies where nothing is known counts neither way."""
    scores = []
    for r in items:
        predicted, true = find_particles(r.grey, engine, Settings())[0], r.labels
        if r.unknown is not None:
            predicted = np.where(r.unknown, 0, without_unknown(predicted, r.unknown)).astype(np.int32)
            true = np.where(r.unknown, 0, without_unknown(true, r.unknown)).astype(np.int32)
        scores.append(score_image(predicted, true, name=r.name))
    found = dict(summarise_scores(scores))
    return {key: float(str(found[key])) for key in FIGURES}


def _engine(start_from: str) -> OnnxEngine:
    if not start_from.endswith(".onnx"):
        raise SettingsError(f'--from {start_from}: must be "shipped" or an exported network (FILE.onnx); see nanogauge export')
    return OnnxEngine(Path(start_from))
