"""The folder of one measurement."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import OutputError
from .figures import png_bytes, scale_bar_crop
from .interchange.write import write_coco, write_rois
from .pictures import write_labels, write_labels_ome
from .tables import write_particle_csv

if TYPE_CHECKING:
    from .measured import Measured

MEASUREMENT_FILES = ("measurement.json", "particles.csv", "labels.tif", "overlay.png", "rois.zip")
"""What is always there; scale_bar.png too where a scale bar was seen."""


def make_folder(folder: Path) -> Path:
    """FOLDER, made with its parents and shown to be writable. Raises OutputError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".nanogauge-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); choose another output folder with -o") from error
    return folder


def save_measurement(m: Measured, folder: Path, *, unit_row: bool = False, coco: bool = False, ome: bool = False) -> Path:
    """measurement.json, particles.csv, labels.tif, overlay.png, rois.zip, and scale_bar.png where a scale bar was seen.

    unit_row: a second line of particles.csv with the units
    coco: coco.json too; ome: labels.ome.tif too; of a mosaic neither is written, nor scale_bar.png

    Raises OutputError.
    """
    make_folder(folder)
    try:
        (folder / "measurement.json").write_text(json.dumps(m.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_particle_csv(folder / "particles.csv", m.particles, unit_row=unit_row)
        (folder / "overlay.png").write_bytes(png_bytes(m.overlay))
        if m.mosaic is not None:
            m.mosaic.save(folder, m.scale, n_labels=m.n_particles)
            return folder
        write_labels(folder / "labels.tif", m.labels, m.scale)
        write_rois(folder / "rois.zip", m.labels)
        crop = scale_bar_crop(m)
        if crop is not None:
            (folder / "scale_bar.png").write_bytes(png_bytes(crop))
        if coco:
            write_coco(folder / "coco.json", m)
        if ome:
            write_labels_ome(folder / "labels.ome.tif", m.labels, m.scale, name=m.micrograph.name)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write ({error.strerror}); free space or choose another output folder") from error
    return folder
