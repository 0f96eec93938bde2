"""How fast training can be on this machine, and what holds it back: crops a second of the loader, of the network, of both.

    python benchmarks/training_speed.py RECIPE [--set KEY=VALUE ...] [--batches N] [--seconds S]

Each part runs for `--batches` batches or `--seconds`, whichever ends first, after a few to warm up. "processor" is the time that
this process itself worked for a crop, whoever else shares the processor; that of the loader's own processes is not in it. A loader
slower than the network alone holds training back: more `workers` or a larger `crops_per_rendering` help. Needs nanogauge[train].
"""

from __future__ import annotations

import argparse
import itertools
import math
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import torch

from nanogauge.training.batches import prepare
from nanogauge.training.dataset import Dataset, share_renderings
from nanogauge.training.loop import Learner, load_data, loader, start
from nanogauge.training.recipe import Recipe, examples_of, read_recipe
from nanogauge.training.renderings import IN_HAND

WARM_UP = 3


def clock(
    name: str, recipe: Recipe, device: torch.device, work: Iterator[object], args: argparse.Namespace, *, warm_up: int = WARM_UP
) -> int:
    """Prints how many crops a second an iterator of batches makes; returns how many batches it has made."""
    for _ in itertools.islice(work, warm_up):
        pass
    wait(device)
    begun, used, n = time.perf_counter(), time.process_time(), 0
    for _ in itertools.islice(work, args.batches):
        n += recipe.batch
        if time.perf_counter() - begun > args.seconds:
            break
    wait(device)
    seconds, mine = time.perf_counter() - begun, time.process_time() - used
    print(f"{name:28} {n / seconds:8.1f} crops/s   processor {1000 * mine / n:6.1f} ms a crop   ({n} crops)", flush=True)
    return warm_up + n // recipe.batch


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes to the recipe, as TOML")
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    recipe = read_recipe(args.recipe, **tomllib.loads("\n".join(args.set)))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    cv2.setNumThreads(1)
    items, weights = load_data(recipe)
    learner = Learner(recipe, *start(recipe)[:1], device, frozen=recipe.freeze_normalisation)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}; {recipe.network}, {recipe.batch} crops of {recipe.crop_px} px, {len(items)} annotated micrographs")
    with tempfile.TemporaryDirectory() as folder:
        examples = examples_of(recipe)
        shared, warm_up = None, WARM_UP
        if recipe.crops_per_rendering > 1:
            shared = share_renderings(examples, Path(folder), rendered_share=recipe.synthetic_share if items else 1.0)
            warm_up = math.ceil(IN_HAND / shared.crops_per_example * shared.crops_each / recipe.batch)  # until all in hand are made
        data = Dataset(items, examples, length=10**7, weights=weights, shared=shared)
        one = next(iter(loader(replace(recipe, workers=0), data, device)))
        done = clock("loader", recipe, device, iter(loader(recipe, data, device)), args, warm_up=warm_up)
        clock("tone and maps", recipe, device, (prepare(one, device) for _ in itertools.count()), args)
        x, target = prepare(one, device)
        clock("network", recipe, device, (learner.step(x, target, step=10**4, rate=1e-6) for _ in itertools.count()), args)
        more = loader(recipe, data, device, first=done)
        both = (learner.step(*prepare(crops, device), step=10**4, rate=1e-6) for crops in more)
        clock("all together", recipe, device, both, args)


if __name__ == "__main__":
    main()
