"""Training in a slot of time: what a packed run's `train` does (see `pack`)."""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import NanogaugeError
from .loop import run
from .recipe import Slot, read_recipe

RESERVE_SECONDS = 5.0
"""Kept for writing the last checkpoint."""


def main(arguments: Sequence[str] | None = None, *, started: float | None = None) -> int:
    """Trains as the command line says; returns the exit status. The slot begins at `started`, by time.monotonic()."""
    started = time.monotonic() if started is None else started
    parser = argparse.ArgumentParser(description="Trains in a slot of time; the same command again goes on from where it ended.")
    parser.add_argument("out", type=Path, help="run folder: log, pictures, half/STEP/*.pt")
    parser.add_argument("--seconds", type=float, required=True, help="length of the slot, loading and the last checkpoint included")
    parser.add_argument(
        "--cool-down", type=float, default=0.0, metavar="SECONDS", help="at the end: let the learning rate fall to 0"
    )
    parser.add_argument("--resume", type=Path, nargs="+", default=[], metavar="RUN", help="more run folders to go on from")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes to the recipe, as TOML")
    parser.add_argument("--pack", type=Path, default=Path(__file__).parents[2], help="the packed run; by default the one around me")
    args = parser.parse_args(arguments)
    out, others = args.out.resolve(), [p.resolve() for p in args.resume]
    home = Path.cwd()
    try:
        os.chdir(args.pack)  # the recipe's paths begin there
        recipe = read_recipe(Path("recipe.toml"), **tomllib.loads("\n".join(args.set)))
        slot = Slot(ends=started + max(args.seconds - RESERVE_SECONDS, 0), cool_down=args.cool_down)
        last = run(recipe, out, resume_from=[Path("resume"), *others], slot=slot, report=lambda line: print(line, flush=True))
    except (NanogaugeError, OSError, TypeError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    finally:
        os.chdir(home)
    print(f"{last} after {time.monotonic() - started:.0f} s")
    return 0
