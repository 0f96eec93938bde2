"""Trains the locator.

    python -m nanogauge.training.locator.learn OUT PICTURES [--steps N] [--seed N] [--start-from FILE]

PICTURES: as `collect` writes it. OUT/checkpoint.pt is written every few minutes and gone on from; OUT/locator.onnx at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ...core.version import __version__
from .. import small
from .examples import example, read_pictures
from .network import Locator, loss

SHAPE = (320, 480)
_BATCH, _RATE, _KEEP_MINUTES = 8, 2e-3, 3.0


def learn(out: Path, pictures_folder: Path, *, steps: int, seed: int = 1, start_from: Path | None = None) -> Path:
    """Trains for so many steps in all, on from OUT/checkpoint.pt where it is; the path of the checkpoint.

    start_from: a checkpoint whose network is the first
    """
    out.mkdir(parents=True, exist_ok=True)
    pictures = read_pictures(pictures_folder)
    network = Locator()
    if start_from is not None:
        network.load_state_dict(torch.load(start_from, map_location="cpu", weights_only=True)["ema"])
    return small.taught(
        out,
        network,
        lambda rng: example(pictures, SHAPE, rng),
        loss,
        steps=steps,
        seed=seed,
        batch=_BATCH,
        rate=_RATE,
        keep_minutes=_KEEP_MINUTES,
    )


def export(checkpoint: Path, path: Path) -> None:
    """Writes the averaged network as float32 ONNX: "grey" (1, 1, H, W), "maps" (1, 5, H/2, W/2) in [0, 1]."""
    from ..export import export_fp32

    network = Locator()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
    export_fp32(network.eval(), path, names={"outputs": "bar,label,text,left,right", "made_with": f"nanogauge {__version__}"})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-from", type=Path, help="a checkpoint whose network is the first")
    args = parser.parse_args()
    export(learn(args.out, args.pictures, steps=args.steps, seed=args.seed, start_from=args.start_from), args.out / "locator.onnx")


if __name__ == "__main__":
    main()
