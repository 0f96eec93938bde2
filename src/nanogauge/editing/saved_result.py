"""A measured micrograph read back from its folder: what was found, before anybody changed anything.

NAME/measurement.json particles.csv labels.tif ...   as `nanogauge measure` writes them, kept up to date
NAME/found/                                          the same three before the first edit
NAME/edits.jsonl                                     the edits
NAME/probability.tif                                 foreground probability, uint16, 65535 = 1
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from ..core.errors import UnreadableFile
from ..core.micrograph import Micrograph
from ..core.scale import Scale
from ..core.settings import Settings
from ..reading import read_micrograph
from ..results.records import read_record
from ..scale.bar import ScaleBarReading
from ..scale.resolve import ScaleDecision
from .patches import Labels

FOUND = "found"
FOUND_FILES = ("measurement.json", "particles.csv", "labels.tif")
PROBABILITY = "probability.tif"
_FULL = 65535


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What was found in one micrograph. probability: None where it is not known (yet), or never was (labels made elsewhere)."""

    folder: Path
    micrograph: Micrograph
    about: dict[str, Any]
    settings: Settings
    decision: ScaleDecision
    scale_bar: ScaleBarReading | None
    labels: Labels
    table: pd.DataFrame
    probability: NDArray[np.float32] | None

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """(y0, x0, y1, x1) of what is picture."""
        y0, x0, y1, x1 = self.about["frame_y0_x0_y1_x1"]
        return int(y0), int(x0), int(y1), int(x1)

    @property
    def wants_probability(self) -> bool:
        """Whether it was measured between the pixels, by a map that was not kept."""
        return self.probability is None and self.about.get("outline") == "probability_map"


def open_result(folder: Path, micrograph_file: Path) -> Opened:
    """Reads a result folder and its micrograph. Raises UnreadableFile where a file is missing, damaged, or another one."""
    base = folder / FOUND if (folder / FOUND / "measurement.json").is_file() else folder
    record = read_record(base, pictures=False)
    micrograph = read_micrograph(micrograph_file)
    about = record.about
    if about["sha256"] and micrograph.sha256 != about["sha256"]:
        raise UnreadableFile(f"{micrograph_file}: not the file that was measured (another SHA-256); put the right one there")
    if not (base / "labels.tif").is_file():
        raise UnreadableFile(f"{base}: no labels.tif in it, as of a mosaic, which the page cannot edit; look at its report instead")
    try:
        labels = np.asarray(tifffile.imread(base / "labels.tif"), np.int32)
    except Exception as error:  # whatever the library raises on damage
        raise UnreadableFile(f"{base / 'labels.tif'}: damaged ({str(error)[:80]}); measure the micrograph again") from error
    if labels.shape != micrograph.shape:
        raise UnreadableFile(f"{base / 'labels.tif'}: {labels.shape} px do not fit the micrograph's {micrograph.shape}")
    if record.settings.measure.edge == "steepest" and about["labels_source"] is None and "edge_moved_px" not in about:
        raise UnreadableFile(f"{base}: measured by an earlier version, whose outlines at the edge were not kept; measure it again")
    present = np.flatnonzero(np.bincount(labels.ravel()))
    if present[present > 0].tolist() != record.particles["label"].tolist():
        raise UnreadableFile(f"{base}: particles.csv and labels.tif do not fit each other; measure the micrograph again")
    return Opened(
        folder=folder,
        micrograph=micrograph,
        about=about,
        settings=record.settings,
        decision=_decision(about, record.scale),
        scale_bar=_bar(about["scale"]["scale_bar"], record.scale),
        labels=labels,
        table=record.particles,
        probability=read_probability(folder / PROBABILITY, micrograph.shape),
    )


def keep_found(folder: Path) -> None:
    """Copies what was found aside, once, before the first edit is saved."""
    aside = folder / FOUND
    if (aside / "measurement.json").is_file():
        return
    aside.mkdir(exist_ok=True)
    for name in reversed(FOUND_FILES):  # measurement.json last: its presence says that all are there
        temporary = aside / f"{name}.tmp"
        shutil.copyfile(folder / name, temporary)
        temporary.replace(aside / name)


def write_probability(path: Path, probability: NDArray[np.floating[Any]]) -> None:
    """A probability map (H, W) in [0, 1] as compressed uint16 TIFF, in one step."""
    temporary = path.with_suffix(".tmp")
    scaled = np.asarray(np.rint(np.clip(probability, 0, 1) * _FULL), np.uint16)
    tifffile.imwrite(temporary, scaled, compression="zlib", predictor=True, photometric="minisblack", metadata=None)
    temporary.replace(path)


def read_probability(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The map, None where it is not there or does not fit."""
    if not path.is_file():
        return None
    try:
        stored = tifffile.imread(path)
    except Exception:  # whatever the library raises on damage: the map is made again
        return None
    return None if stored.shape != shape else np.asarray(stored, np.float32) / np.float32(_FULL)


def _decision(about: dict[str, Any], scale: Scale | None) -> ScaleDecision:
    s = about["scale"]
    return ScaleDecision(scale, s["source"], 1.0 if scale else 0.0, tuple(s["warnings"]))


def _bar(read: dict[str, Any] | None, scale: Scale | None) -> ScaleBarReading | None:
    """The reading as it was made. What it gave together with the printed magnification is the scale that was used, if it was."""
    if read is None:
        return None
    box = read["box_y0_x0_y1_x1"]
    known = {f.name for f in dataclasses.fields(ScaleBarReading)}
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items() if k in known}
    bar = ScaleBarReading(**plain | {"box": None if box is None else tuple(box), "text": read["text"] or ""})
    if not bar.refined_by or scale is None or scale.source != "scale_bar":
        return bar
    return dataclasses.replace(bar, refined=(scale.nm_per_px[1], scale.relative_uncertainty))
