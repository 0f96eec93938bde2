"""Whole synthetic micrographs: scene, image formation, data bar, truth on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from PIL import Image

from .annotate import BarTruth, Maker, add_data_bar
from .imaging import Look, expose, paint, random_look
from .motifs import Motif, draw_motif, staged
from .overlays import annotated, padded
from .scene import Scene, draw_particles, random_scene, usual_diameter
from .shapes import Particle, true_diameter

INSTRUMENTS: tuple[Maker, ...] = ("thermo", "zeiss", "hitachi", "jeol")
PADDED = 0.04  # share of crops that show a part of a figure: gutters, padding
_MIN_VISIBLE = 0.15  # a particle of which less is seen is no particle a person could measure


@dataclass(frozen=True)
class Rendering:
    """A rendered micrograph and its truth.

    pixels: (H, W) uint8, data bar included; labels: (H, W) int32, 0 = background and data bar, i = row i - 1 of particles
    particles: true table (see `true_table`); nm_per_px: the scale; bar: the scale bar drawn, None without a data bar
    frame_height: rows of picture above the data bar
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    particles: pd.DataFrame
    nm_per_px: float
    bar: BarTruth | None
    frame_height: int


def render(
    scene: Scene, *, seed: int = 0, look: Look | None = None, nm_per_px: float = 1.0, instrument: Maker | None = None
) -> Rendering:
    """Renders a scene. `look` None draws one at random; `instrument` adds a data bar in that maker's manner (INSTRUMENTS)."""
    rng = np.random.default_rng(seed)
    particles = draw_particles(scene, rng)
    look = look or random_look(rng, scene.mode, scene.median_diameter_px)
    picture, labels = paint(scene, particles, look, rng, min_visible=_MIN_VISIBLE)
    pixels = expose(picture, look, rng)
    labels, seen = _renumbered(labels)
    table = true_table([particles[i - 1] for i in seen], labels, nm_per_px)
    bar = None
    if instrument is not None:
        transmission = scene.mode == "tem"
        pixels, bar, _ = add_data_bar(pixels, maker=instrument, nm_per_px=nm_per_px, rng=rng, transmission=transmission)
        labels = np.pad(labels, ((0, pixels.shape[0] - labels.shape[0]), (0, 0)))
    return Rendering(pixels, labels, table, nm_per_px, bar, scene.shape[0])


def render_crop(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    median_diameter_px: float | None = None,
    marked: float = 0.15,
    bare: float = 0.04,
    motif: Motif | None = None,
    unusual: bool = True,
    shares: Mapping[str, float] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A micrograph (H, W) uint8 and its labels (H, W) int32 for training, scene and look at random. A share `marked` of them bears
    what authors draw in, a share `bare` of the usual ones shows no particle. `motif`: what to show; None draws usual scenes
    and, if `unusual`, motifs by their shares (`motifs.SHARES`, but for those in `shares`).

    One scene, one look, one surface structure and a few crystal forms serve the whole picture, as all particles of a
    micrograph are of one batch, seen by one instrument; each particle has its own shape, place and tone."""
    motif = motif or (draw_motif(rng, shares) if unusual else None)
    look = None
    if motif is None:
        scene = random_scene(rng, shape, median_diameter_px=median_diameter_px)
    else:
        d = usual_diameter(shape, rng) if median_diameter_px is None else median_diameter_px
        scene, look = staged(motif, rng, shape, median_diameter_px=d)
    if rng.random() < bare:
        scene = replace(scene, coverage=0.0, beside=())
    look = look or random_look(rng, scene.mode, scene.median_diameter_px)
    picture, labels = paint(scene, draw_particles(scene, rng), look, rng, min_visible=_MIN_VISIBLE)
    pixels = expose(picture, look, rng)
    if rng.random() < marked:
        pixels, labels = annotated(pixels, labels, nm_per_px=float(np.exp(rng.uniform(math.log(0.1), math.log(40)))), rng=rng)
    if rng.random() < PADDED:
        pixels, labels = padded(pixels, labels, rng)
    return pixels, labels


def true_table(particles: list[Particle], labels: NDArray[np.int32], nm_per_px: float) -> pd.DataFrame:
    """The particles as drawn, one row per label: centre, shape, true area-equivalent diameter of the whole particle in px and nm,
    share of it that is seen, and whether the frame cuts it."""
    area = np.bincount(labels.ravel(), minlength=len(particles) + 1)[1:]
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    diameter = np.array([true_diameter(p) for p in particles], float)
    return pd.DataFrame(
        {
            "label": np.arange(1, len(particles) + 1),
            "y": [p.y for p in particles],
            "x": [p.x for p in particles],
            "kind": [p.kind for p in particles],
            "equivalent_diameter_px": diameter,
            "equivalent_diameter_nm": diameter * nm_per_px,
            "visible_share": np.minimum(area / np.maximum(math.pi / 4 * diameter**2, 1), 1.0),
            "touches_border": np.isin(np.arange(1, len(particles) + 1), rim),
        }
    )


def _renumbered(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], list[int]]:
    seen = np.unique(labels)
    seen = seen[seen > 0]
    number = np.zeros(int(labels.max()) + 1, np.int32)
    number[seen] = np.arange(1, len(seen) + 1)
    return number[labels], [int(i) for i in seen]


def write_micrographs(
    out: Path,
    *,
    n: int,
    seed: int = 1,
    shape: tuple[int, int] = (768, 1024),
    scenes: list[Scene] | None = None,
    looks: list[Look] | None = None,
) -> pd.DataFrame:
    """Writes n micrographs to OUT/images (TIFF), their labels to OUT/labels, tables to OUT/particles, and OUT/truth.csv: a row
    a micrograph with the scale, the scale bar's text, length and place, and the mean true diameter of the particles whose
    centre lies in the frame. Scenes and instruments are drawn from the seed unless given. Returns the truth table."""
    for name in ("images", "labels", "particles"):
        (out / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for k in range(n):
        rng = np.random.default_rng([seed, k])
        scene = scenes[k] if scenes else random_scene(rng, shape)
        scene = replace(scene, shape=shape) if scenes is None else scene
        instrument = INSTRUMENTS[k % len(INSTRUMENTS)]
        nm_per_px = float(np.exp(rng.uniform(math.log(0.3), math.log(40))))
        r = render(
            scene, seed=int(rng.integers(2**31)), look=looks[k] if looks else None, nm_per_px=nm_per_px, instrument=instrument
        )
        name = f"{instrument}-{k:04d}"
        rows.append(write_rendering(r, out, name) | {"instrument": instrument})
    truth = pd.DataFrame(rows)
    truth.to_csv(out / "truth.csv", index=False)
    return truth


def write_rendering(r: Rendering, out: Path, name: str, *, image_folder: str = "images", suffix: str = ".tif") -> dict[str, object]:
    """Writes one rendering; returns its row of truth.csv."""
    path = out / image_folder / f"{name}{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, r.pixels, compression="zlib", metadata=None)
    else:
        Image.fromarray(r.pixels).save(path)
    tifffile.imwrite(out / "labels" / f"{name}.tif", r.labels, compression="zlib", metadata=None)
    r.particles.to_csv(out / "particles" / f"{name}.csv", index=False, float_format="%.6g")
    # particles whose centre lies in the frame: a sample of all particles without edge effect (associated-point rule)
    p = r.particles
    inside = p[(p["y"] >= 0) & (p["y"] < r.frame_height) & (p["x"] >= 0) & (p["x"] < r.pixels.shape[1])]
    return {
        "file": path.name,
        "nm_per_px": round(r.nm_per_px, 6),
        "bar_text": r.bar.text if r.bar else "",
        "bar_length_px": r.bar.length_px if r.bar else None,
        "bar_box": json.dumps([float(v) for v in r.bar.box]) if r.bar else "",
        "data_bar_first_row": r.frame_height,
        "n_particles": len(r.particles),
        "n_border": int(r.particles["touches_border"].sum()),
        "mean_equivalent_diameter_nm": round(float(inside["equivalent_diameter_nm"].mean()), 4) if len(inside) else None,
    }
