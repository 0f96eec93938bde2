"""Trains the network of letters.

    python -m nanogauge.training.letters.learn OUT PICTURES [--fonts FOLDER] [--steps N] [--seed N]

PICTURES: as `training.locator.collect` writes it; FOLDER: of TrueType and OpenType fonts beside those that are always there.
OUT/checkpoint.pt is written every few minutes and gone on from; OUT/letters.onnx at the end.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch

from .. import small
from ..locator.examples import read_pictures, without_marks
from .examples import U8, example
from .export import export
from .network import LetterNet, loss

_BATCH, _RATE, _WARM_UP, _EMA = 32, 3e-3, 100, 0.998
_KEEP_MINUTES = 2.0


def learn(out: Path, pictures: Path, *, steps: int, fonts: Path | None = None, seed: int = 1, minutes: float | None = None) -> Path:
    """Trains for so many steps in all, on from OUT/checkpoint.pt where it is, or for so many minutes; the checkpoint's path."""
    out.mkdir(parents=True, exist_ok=True)
    grounds: list[U8] = [without_marks(p) for p in read_pictures(pictures)]
    found = sorted(p for p in fonts.iterdir() if p.suffix in (".ttf", ".otf")) if fonts is not None else []
    network = LetterNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth quicker
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-2)
    done = small.resumed(out, network, averaged, optimiser)
    network.train()
    started = saved = time.monotonic()
    losses: list[float] = []
    for step in range(done, steps):
        rng = np.random.default_rng([seed, step])
        grey, classes, asked = (np.stack(part) for part in zip(*(example(grounds, found, rng) for _ in range(_BATCH)), strict=True))
        for group in optimiser.param_groups:
            group["lr"] = small.rate_at(step, step / steps, rate=_RATE, warm_up=_WARM_UP)
        x = torch.from_numpy(grey[:, None].astype(np.float32) / 255)
        value = loss(network(x), torch.from_numpy(classes), torch.from_numpy(asked))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        small.follow(averaged, network, step=step, decay=_EMA)
        losses.append(float(value.detach()))
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-50:]):.4f}", flush=True)
        over = minutes is not None and time.monotonic() - started > 60 * minutes
        if time.monotonic() - saved > 60 * _KEEP_MINUTES or step == steps - 1 or over:
            small.kept(out, network, averaged, optimiser, step=step + 1)
            saved = time.monotonic()
        if over:
            break
    return out / "checkpoint.pt"


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
