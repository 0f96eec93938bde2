"""Files of one measurement and of a run: CSV, JSON, label TIFF, ImageJ ROIs, overlay."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from .errors import OutputError
from .figures import png_bytes
from .outlines import outlines
from .particles import column_names
from .scale import Scale

if TYPE_CHECKING:
    from .result import Measurement


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


def save_measurement(m: Measurement, folder: Path) -> Path:
    """measurement.json, particles.csv, labels.tif, overlay.png, rois.zip. Raises OutputError."""
    make_folder(folder)
    try:
        (folder / "measurement.json").write_text(json.dumps(m.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        m.particles.to_csv(folder / "particles.csv", index=False)
        write_labels(folder / "labels.tif", m.labels, m.scale)
        (folder / "overlay.png").write_bytes(png_bytes(m.overlay))
        write_rois(folder / "rois.zip", m.labels)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write ({error.strerror}); free space or choose another output folder") from error
    return folder


def write_labels(path: Path, labels: NDArray[np.int32], scale: Scale | None) -> None:
    """Labels (H, W) int32 as a compressed TIFF whose resolution tags and description state the pixel size."""
    about: dict[str, Any] = {"description": "nanogauge labels: 0 background, 1 ... n particles", "metadata": None}
    if scale is not None:
        y, x = scale.nm_per_px
        per_cm = (1e7 / x, 1e7 / y)  # the tag's own unit
        if max(per_cm) < 2**32:  # what the tag can hold: pixels down to 0.0024 nm
            about["resolution"] = per_cm
            about["resolutionunit"] = "CENTIMETER"
        about["description"] += f"; pixel size {x:.9g} x {y:.9g} nm (x x y)"
    tifffile.imwrite(path, np.asarray(labels, np.int32), compression="zlib", photometric="minisblack", **about)


def write_rois(path: Path, labels: NDArray[np.int32]) -> None:
    """ImageJ ROI zip: one traced polygon a particle, named by its label, on pixel corners, so that ImageJ counts the same
    pixels. A file without particles is an empty zip."""
    import zipfile

    from roifile import ROI_TYPE, ImagejRoi

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for label, polygon in outlines(labels):
            roi = ImagejRoi.frompoints(polygon[:, ::-1].astype(np.int32), name=f"{label:05d}")
            roi.roitype = ROI_TYPE.TRACED
            archive.writestr(f"{label:05d}.roi", roi.tobytes())


def write_summary(path: Path, rows: Iterable[dict[str, Any]], columns: list[str]) -> None:
    """summary.csv, replaced as a whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as f:
        table = csv.DictWriter(f, columns, restval="")
        table.writeheader()
        for row in rows:
            table.writerow({k: "" if v is None else f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    os.replace(temporary, path)


def write_particles(path: Path, tables: Iterable[tuple[str, pd.DataFrame]]) -> None:
    """particles.csv of a run: all particles, first column micrograph; nm columns empty where there was no scale."""
    columns = ["micrograph", *column_names(in_nm=True)]
    with path.open("w", newline="", encoding="utf-8") as f:
        f.write(",".join(columns) + "\n")
        for name, table in tables:
            out = table.reindex(columns=columns[1:])
            out.insert(0, "micrograph", name)
            out.to_csv(f, index=False, header=False)
