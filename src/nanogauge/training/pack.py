"""A training run in one small folder, to be taken to a machine that has a GPU, torch and nothing of nanogauge's.

OUT/train            the command that trains there, in a slot of so many seconds (see `slot`)
OUT/recipe.toml      the recipe, its paths within the folder
OUT/data/            the micrographs it names, and only these: grey levels as JPEG, labels as PNG, which loses nothing of them
OUT/start.pt         the weights to begin with, ImageNet's among them, in half precision
OUT/resume/          instead, a run to go on from
OUT/nanogauge/       the code
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..core.errors import SettingsError
from ..core.toml import toml_text
from . import checkpoints
from .dataset import numbered, pairs, parse_source, read_pair, read_unknown
from .loop import start
from .recipe import Recipe

MIB = 2**20
_TRAIN = '''#!/usr/bin/env python3
"""python train OUT --seconds N [--cool-down N] [--resume RUN ...] [--set KEY=VALUE ...]; --help says more."""

import sys
import time
from pathlib import Path

started = time.monotonic()  # loading torch counts, too
sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    try:
        from nanogauge.training.slot import main
    except ImportError as error:
        needs = "torch numpy scipy pandas matplotlib pillow tifffile opencv-python-headless filelock"
        sys.exit(f"train: {error.name} is missing here; needed are {needs}")
    sys.exit(main(started=started))
'''


def pack(recipe: Recipe, out: Path, *, resume: Path | None = None, quality: int = 90, limit_mib: float = 64.0) -> dict[str, float]:
    """Writes the folder OUT; returns MiB of each thing in it.

    resume: a run folder, from whose newest checkpoint (without the optimiser's moments) training is to go on
    quality: of the JPEG, 1 to 95

    Raises SettingsError where OUT has something in it, nothing can be resumed, or the folder comes out larger than limit_mib.
    """
    if out.exists() and any(out.iterdir()):
        raise SettingsError(f"{out}: is not empty; name a new folder")
    found = checkpoints.newest([resume]) if resume is not None else None
    if resume is not None and found is None:
        raise SettingsError(f"{resume}: no checkpoint to go on from")
    (out / "data").mkdir(parents=True)
    data = []
    for k, source in enumerate(map(parse_source, recipe.data), start=1):
        place = Path("data") / f"{k}-{source.folder.name}"
        for image, truth in pairs(source.folder, source.ids):
            _write_pair(out / place, image, truth, quality)
        data.append(f"{place.as_posix()}={source.share:g} {source.kind}".strip())
    recipe = replace(recipe, data=tuple(data), checkpoint_half=True)
    if found is not None:
        checkpoints.save_half(out / "resume", checkpoints.load(found) | {"optimiser": None})
        recipe = replace(recipe, start_from="", pretrained=False)
    elif recipe.start_from or recipe.pretrained:
        network, frozen = start(recipe)
        recipe = replace(recipe, start_from="start.pt", pretrained=False, freeze_normalisation=frozen)
        torch.save({"ema": checkpoints.rounded(network.state_dict())}, out / "start.pt")
    (out / "recipe.toml").write_text(recipe_text(recipe), encoding="utf-8")
    code = Path(__file__).parents[1]
    for path in (*sorted(code.glob("core/**/*.py")), *sorted(code.glob("training/**/*.py"))):
        (out / "nanogauge" / path.relative_to(code)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / "nanogauge" / path.relative_to(code))
    (out / "nanogauge" / "__init__.py").touch()  # the public names are not wanted there, nor what loads them
    (out / "train").write_text(_TRAIN, encoding="utf-8")
    sizes = {p.name: sum(f.stat().st_size for f in (p, *p.rglob("*")) if f.is_file()) / MIB for p in sorted(out.iterdir())}
    if sum(sizes.values()) > limit_mib:
        raise SettingsError(f"{out}: {sum(sizes.values()):.1f} MiB, more than {limit_mib:g}; lower the quality, or leave data out")
    return sizes


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML; what is as by default is left out."""
    usual = asdict(Recipe())
    return toml_text({key: value for key, value in asdict(recipe).items() if value != usual[key]})


def _write_pair(folder: Path, image: Path, truth: Path, quality: int) -> None:
    grey, marks = read_pair(image, truth)
    labels = numbered(marks)
    if labels.max(initial=0) > np.iinfo(np.uint16).max:
        raise SettingsError(f"{truth}: {labels.max()} labels; at most {np.iinfo(np.uint16).max} can be packed")
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    small = np.uint8 if labels.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    Image.fromarray(grey).save(folder / "images" / f"{image.stem}.jpg", quality=quality, optimize=True)
    unknown = read_unknown(truth.parent.parent, image.stem)
    if unknown is not None:
        (folder / "unknown").mkdir(exist_ok=True)
        Image.fromarray(unknown).save(folder / "unknown" / f"{image.stem}.png", optimize=True)
    Image.fromarray(labels.astype(small)).save(folder / "labels" / f"{image.stem}.png", optimize=True)
