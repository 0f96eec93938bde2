"""What each lever of the training is worth: one recipe, trained briefly as it is and with one thing changed, on fixed sets.

    python benchmarks/levers.py OUT RECIPE --measure FOLDER[:IDS][=outline] ... [--steps N] [--only NAME ...] [--seeds N]

A set left out ("without data/silica") says what the network does on a material it has never seen. OUT keeps each run's figures;
the same command again trains what is missing and prints the tables. One look at the magnification the network finds itself,
uncalibrated; "=outline" for labels drawn as people draw them, outside the edge. Needs nanogauge[train].
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from architectures import TorchEngine

from nanogauge.core.settings import Settings
from nanogauge.detection.find import at_edge, find_particles
from nanogauge.training.dataset import read_folder
from nanogauge.training.evaluate import score_image, summarise_scores
from nanogauge.training.loop import run
from nanogauge.training.network import UNet, build
from nanogauge.training.recipe import Recipe, read_recipe

COLUMNS = {"iou_pooled": "IoU", "f50_mean": "F1@0.5", "pq_mean": "PQ", "particle_mre": "diameters", "image_mean_mre_median": "mean"}


def levers(base: Recipe) -> dict[str, Recipe]:
    """The recipe, and the recipe with one thing changed."""
    out = {
        "as it is": base,
        "random weights": replace(base, pretrained=False),
        "EfficientNet-Lite0": replace(base, network="unet-efficientnet-lite0"),
        "EfficientNet-Lite1": replace(base, network="unet-efficientnet-lite1"),
        "rendered only": replace(base, data=(), synthetic_share=1.0),
        "real only": replace(base, synthetic_share=0.0),
        "narrow zoom": replace(base, diameter_px=44.0, diameter_spread=0.55, diameters=(8.0, 210.0)),
        "no copy-paste": replace(base, copy_paste_share=0.0),
    }
    for entry in base.data:
        folder = entry.partition("=")[0].partition(":")[0]
        out[f"without {folder}"] = replace(base, data=tuple(e for e in base.data if e != entry))
    return out


def score(network: UNet, entry: str) -> dict[str, float]:
    entry, _, edge = entry.partition("=")
    folder, _, ids = entry.partition(":")
    settings = Settings() if edge != "outline" else Settings().replace("measure", edge="outline")
    engine, scores = TorchEngine(network), []
    for item in read_folder(Path(folder), Path(ids).read_text(encoding="utf-8").split() if ids else None):
        found = find_particles(item.grey, engine, settings)
        found = at_edge(found, item.grey, settings.measure, frame=(0, 0, *item.grey.shape))
        scores.append(score_image(found.labels, item.labels, name=item.name))
    figures: dict[str, Any] = dict(summarise_scores(scores))
    return {key: float(figures[key]) for key in COLUMNS}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--measure", nargs="+", required=True, metavar="FOLDER[:IDS][=outline]")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--crop-px", type=int, default=192)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    args = parser.parse_args()
    base = replace(
        read_recipe(args.recipe), start_from="", pretrained=True, steps=args.steps, crop_px=args.crop_px, warmup_steps=50,
        cooldown_steps=args.steps // 2, ema_decay=0.98, overlay_steps=10**9,
    )  # fmt: skip
    table: dict[str, dict[str, list[dict[str, float]]]] = {}
    for seed in range(1, args.seeds + 1):
        for name, recipe in levers(base).items():
            folder = args.out / f"{''.join(c if c.isalnum() else '_' for c in name)}-{seed}"
            done = folder / "figures.json"
            if not done.exists() and (args.only is None or name in args.only):
                checkpoint = run(replace(recipe, seed=seed), folder, report=lambda _: None)
                network = build(recipe.network)
                network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
                figures = {entry: score(network, entry) for entry in args.measure}
                done.write_text(json.dumps(figures) + "\n", encoding="utf-8")
                checkpoint.unlink()
                shutil.rmtree(folder / "overlays")
                print(name, seed, figures, flush=True)
            if done.exists():
                for entry, values in json.loads(done.read_text(encoding="utf-8")).items():
                    table.setdefault(entry, {}).setdefault(name, []).append(values)
    print(f"\n{args.steps} steps of {base.batch} crops of {args.crop_px} px; means over the seeds trained")
    for entry, rows in table.items():
        print(f"\n{entry}\n\n| | seeds | {' | '.join(COLUMNS.values())} |\n|{'---|' * (len(COLUMNS) + 2)}")
        for name, values in rows.items():
            cells = " | ".join(f"{np.nanmean([v[c] for v in values]):.3f}" for c in COLUMNS)
            print(f"| {name} | {len(values)} | {cells} |")


if __name__ == "__main__":
    main()
