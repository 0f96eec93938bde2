"""Trains the network of letters.

    python -m nanogauge.training.letters.learn OUT PICTURES [--fonts FOLDER] [--steps N] [--seed N]

PICTURES: as `training.locator.collect` writes it; FOLDER: of TrueType and OpenType fonts beside those that are always there.
OUT/checkpoint.pt is written every few minutes and gone on from; OUT/letters.onnx at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .. import small
from ..locator.examples import read_pictures, without_marks
from .examples import U8, example
from .export import export
from .network import LetterNet, loss

_BATCH, _RATE, _KEEP_MINUTES = 32, 3e-3, 2.0


def learn(out: Path, pictures: Path, *, steps: int, fonts: Path | None = None, seed: int = 1, minutes: float | None = None) -> Path:
    """Trains for so many steps in all, on from OUT/checkpoint.pt where it is, or for so many minutes; the checkpoint's path."""
    out.mkdir(parents=True, exist_ok=True)
    grounds: list[U8] = [without_marks(p) for p in read_pictures(pictures)]
    found = sorted(p for p in fonts.iterdir() if p.suffix in (".ttf", ".otf")) if fonts is not None else []
    network = LetterNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth quicker
    return small.taught(
        out,
        network,
        lambda rng: example(grounds, found, rng),
        loss,
        steps=steps,
        seed=seed,
        batch=_BATCH,
        rate=_RATE,
        keep_minutes=_KEEP_MINUTES,
        minutes=minutes,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop after so many, to be gone on with")
    args = parser.parse_args()
    checkpoint = learn(args.out, args.pictures, steps=args.steps, fonts=args.fonts, seed=args.seed, minutes=args.minutes)
    export(checkpoint, args.out / "letters.onnx")


if __name__ == "__main__":
    main()
