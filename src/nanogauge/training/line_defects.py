"""A network that sees the defects of lines and spaces learns from renderings alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingsError
from ..core.toml import filled_in, read_toml
from .classes.learn import ClassRecipe, learn
from .export import export_classes
from .synthetic.line_space import DEFECT_KINDS, random_line_space, render_line_space

U8 = NDArray[np.uint8]
NAMES = ("none", *DEFECT_KINDS)
"""Of the classes of a pixel, in the order of `LineSpaceRendering.class_map`."""
RENDERS = "line-space"
"""What a recipe names as `renders`."""


@dataclass(frozen=True, kw_only=True)
class LineDefectRecipe(ClassRecipe):
    """How they are learned; all keys of `ClassRecipe` may be given. most_defects: in a crop."""

    renders: str = RENDERS
    names: tuple[str, ...] = NAMES
    of: str = "phases"
    whole: bool = True
    most_defects: int = 4


def read_line_defect_recipe(path: Path, **changes: Any) -> LineDefectRecipe:
    """A recipe from a TOML file, some values changed. SettingsError names file and key of what cannot be used."""
    values = read_toml(path, remedy="give the path of a recipe") | {k: v for k, v in changes.items() if v is not None}
    recipe = filled_in(LineDefectRecipe(), values, where=str(path), choices={"renders": (RENDERS,)})
    if tuple(recipe.names) != NAMES:
        raise SettingsError(f"{path}: names are those of what is rendered, {', '.join(NAMES)}; leave the key out")
    return recipe


def drawn(rng: np.random.Generator, shape: tuple[int, int], *, most: int = 4) -> tuple[U8, U8]:
    """Grey levels and classes (H, W) of a pattern with up to `most` defects, everything else at random too."""
    found = render_line_space(random_line_space(rng, shape, most_defects=most), rng)
    return found.pixels, found.class_map


def train_line_defects(recipe: LineDefectRecipe, out: Path, *, resume: bool = True, report: Callable[[str], None] = print) -> Path:
    """Trains into OUT and writes OUT/network.onnx, whose path it returns."""

    def render(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[U8, U8]:
        return drawn(rng, shape, most=recipe.most_defects)

    checkpoint = learn(recipe, [], out, render=render, resume=resume, report=report)
    export_classes(checkpoint, out / "network.onnx")
    return out / "network.onnx"
