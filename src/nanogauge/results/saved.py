"""A measurement as its folder holds it: what reports, the gallery and the page read, and what a person's edits begin with.

NAME/measurement.json particles.csv labels.tif ...   the result, as edited
NAME/found/                                          the same three as they were found, before the first edit
NAME/edits.jsonl                                     the edits (see `editing.journal`)
NAME/probability.tif                                 the map that outlines run along, uint16, 65535 = 1
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ..core.errors import CalibrationError, ScaleError, UnreadableFile
from ..core.micrograph import Micrograph
from ..core.particles import Flag, flags_of
from ..core.scale import Scale
from ..core.settings import Settings, settings_from_dict
from ..detection.look_alikes import LookAlikes
from ..detection.readings import LookTaken, readings_from
from ..detection.size_estimate import SizeEstimate
from ..scale.bar import ScaleBarReading
from ..scale.calibration import Calibration, calibration_from_dict
from ..scale.resolve import ScaleDecision
from ..statistics.distribution import STATISTICS
from .figures import jpeg_bytes, png_bytes, scale_bar_crop
from .folder import FOUND, MARK
from .measurement import SUMMARY_STATISTICS, Measurement
from .pictures import read_probability
from .tables import read_particle_csv

FOUND_FILES = (MARK, "particles.csv", "labels.tif")
_MOST_PIXELS = 200_000_000  # of labels that are read as a whole


@dataclass(frozen=True, kw_only=True)
class SavedMeasurement:
    """A measurement as it was saved, or as it is about to be.

    name: of its folder; about: the content of measurement.json; folder: None where it is not saved yet
    table: its particles; None: read from the folder when asked for
    overlay_jpeg, scale_bar_png, order_png, fibres_png: pictures for a page, to be dropped as soon as it is written; empty or None
        where there is none or none is wanted
    """

    name: str
    about: dict[str, Any]
    folder: Path | None = None
    table: pd.DataFrame | None = field(repr=False, default=None)
    overlay_jpeg: bytes = field(repr=False, default=b"")
    scale_bar_png: bytes | None = field(repr=False, default=None)
    order_png: bytes | None = field(repr=False, default=None)
    fibres_png: bytes | None = field(repr=False, default=None)

    @cached_property
    def particles(self) -> pd.DataFrame:
        """The particle table. Raises UnreadableFile where its file is missing or damaged."""
        if self.table is not None or self.folder is None:
            return pd.DataFrame() if self.table is None else self.table
        try:
            return read_particle_csv(self.folder / "particles.csv", in_nm=self.scale is not None)
        except _DAMAGE as error:
            raise _damaged(self.folder, error) from error

    @property
    def labels(self) -> NDArray[np.int32]:
        """(H, W) labels of the particles, as the table counts them.

        Raises UnreadableFile where there are none, as of a mosaic, where they are damaged, or where they do not fit the table.
        """
        if self.folder is None:
            raise ValueError("not saved yet")
        h, w = self.about["shape_px"]
        if h * w > _MOST_PIXELS:
            raise UnreadableFile(f"{self.folder}: {w} x {h} px are too many for its labels to be looked at as a whole; cut it")
        labels = _read_labels(self.folder / "labels.tif", (int(h), int(w)))
        self._check_labels(labels)
        return labels

    def _check_labels(self, labels: NDArray[np.int32]) -> None:
        present = np.flatnonzero(np.bincount(labels.ravel()))
        if present[present > 0].tolist() != self.particles["label"].tolist():
            raise UnreadableFile(f"{self.folder}: particles.csv and labels.tif do not fit each other; measure the micrograph again")

    @property
    def scale(self) -> Scale | None:
        """The scale used."""
        s = self.about["scale"]
        pair = s["nm_per_px_y_x"]
        by = self.calibration
        title = by.title if by is not None else ""
        return None if pair is None else Scale((pair[0], pair[1]), s["relative_uncertainty"], s["source"], title)

    @property
    def calibration(self) -> Calibration | None:
        """The calibration in the scale, None where there is none."""
        return calibration_from_dict(self.about["scale"].get("calibration"))  # results of earlier versions have none

    @property
    def decision(self) -> ScaleDecision:
        """The scale used, where it is from, and what spoke against it."""
        s, scale = self.about["scale"], self.scale
        return ScaleDecision(scale, s["source"], 1.0 if scale else 0.0, tuple(s["warnings"]), self.calibration)

    @property
    def scale_bar(self) -> ScaleBarReading | None:
        """The reading as it was made. What it gave together with the printed magnification is the scale that was used, if it
        was."""
        read, scale = self.about["scale"]["scale_bar"], self.scale
        if read is None:
            return None
        box = read["box_y0_x0_y1_x1"]
        known = {f.name for f in dataclasses.fields(ScaleBarReading)}
        plain = {k: tuple(v) if isinstance(v, list) else v for k, v in read.items() if k in known}
        bar = ScaleBarReading(**plain | {"box": None if box is None else tuple(box), "text": read["text"] or ""})
        if not bar.refined_by or scale is None or scale.source != "scale_bar":
            return bar
        return dataclasses.replace(bar, refined=(scale.nm_per_px[1], scale.relative_uncertainty))

    @property
    def settings(self) -> Settings:
        """The settings it was measured with; keys that this version does not know are ignored."""
        known = Settings().to_dict(whole=True)
        stated = self.about.get("settings") or {}
        kept = {s: {k: v for k, v in stated.get(s, {}).items() if k in known[s]} for s in known}
        return settings_from_dict(kept)

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """(y0, x0, y1, x1) of what is picture."""
        y0, x0, y1, x1 = self.about["frame_y0_x0_y1_x1"]
        return int(y0), int(x0), int(y1), int(x1)

    @property
    def edge_offset_px(self) -> float:
        """As of a Measurement; NaN where it is not known."""
        offset = self.about.get("edge_offset_px")
        return math.nan if offset is None else float(offset)

    @property
    def detection(self) -> Mapping[str, float]:
        """As of a Measurement."""
        return dict(self.about.get("detection") or {})

    @property
    def warnings(self) -> dict[str, str]:
        """Code -> text of what a reader should know; none in results of earlier versions."""
        return {str(w["code"]): str(w["text"]) for w in self.about.get("warnings") or ()}

    @property
    def n_edits(self) -> int:
        """How many edits by hand are in it."""
        return len(self.about.get("operator_edits") or [])

    @property
    def along_map(self) -> bool:
        """Whether its outlines run between the pixels, along a probability map."""
        return self.about.get("outline") == "probability_map"

    def with_flag(self, flag: Flag) -> int:
        """How many particles carry a flag; the rest of a table that was not read is not read either. Raises UnreadableFile."""
        if self.folder is None or self.table is not None:
            flags = self.particles["flags"]
        else:
            try:
                flags = pd.read_csv(self.folder / "particles.csv", usecols=["flags"], dtype=str)["flags"].fillna("")
            except _DAMAGE as error:
                raise _damaged(self.folder, error) from error
        return int((flags_of(flags) & flag.value > 0).sum())

    def summary_row(self, file: str) -> dict[str, Any]:
        """`Measurement.summary_row`, `file` as the row names it. Raises UnreadableFile where it is damaged."""
        about = self.about
        try:
            pair = about["scale"]["nm_per_px_y_x"]
            row: dict[str, Any] = {
                "file": file,
                "status": about["status"],
                "message": about["message"],
                "nm_per_px": None if pair is None else Scale((pair[0], pair[1]), 0.0, "user").mean_nm_per_px,
                "scale_source": about["scale"]["source"],
                "n_particles": about["n_particles"],
                "n_border": about["n_border"],
                "confidence": about.get("confidence"),  # results of earlier versions have none
            }
            for unit, key in (("nm", "distribution"), ("px", "distribution_px")):
                for name in SUMMARY_STATISTICS:
                    row[f"{name}_{unit}"] = None if unit == "nm" and pair is None else about[key][name]["value"]
            return row | {"seconds": round(float(about["seconds"]), 3)}
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableFile(f"{self.folder or self.name}: damaged results ({error}); measure again") from error

    def measurement(self, micrograph: Micrograph, *, probability: Path | None = None) -> Measurement:
        """The Measurement again, with the micrograph it was made of. probability: file of the map that outlines run along.

        Raises UnreadableFile where a file is missing, damaged, or another one.
        """
        about, folder = self.about, self.folder
        if folder is None:
            raise ValueError("not saved yet")
        if about["sha256"] and micrograph.sha256 != about["sha256"]:
            where = micrograph.path or micrograph.name
            raise UnreadableFile(f"{where}: not the file that was measured (another SHA-256); put the right one there")
        labels = _read_labels(folder / "labels.tif", micrograph.shape)
        if self.settings.measure.edge == "steepest" and about["labels_source"] is None and "edge_moved_px" not in about:
            raise UnreadableFile(
                f"{folder}: measured by an earlier version, whose outlines at the edge were not kept; measure it again"
            )
        self._check_labels(labels)
        return Measurement(
            micrograph=micrograph,
            decision=self.decision,
            scale_bar=self.scale_bar,
            labels=labels,
            particles=self.particles,
            frame=self.frame,
            zoom=about["working_magnification"],
            settings=self.settings,
            engine=about["engine"]["name"],
            engine_sha256=about["engine"]["sha256"] or "",
            seconds=about["seconds"],
            version=about["version"],
            foreground=None if probability is None else read_probability(probability, micrograph.shape),
            edge_moved_px=about.get("edge_moved_px"),
            detection=dict(self.detection),
            readings=readings_from(about.get("readings") or []),
            looks=tuple(LookTaken(float(look["zoom"]), int(look["n_seen"])) for look in about.get("looks") or ()),
            expected_found=about.get("expected_found"),
            look_alikes=LookAlikes.from_list(about.get("look_alikes") or ()),
            estimate=SizeEstimate.from_dict(about["size_estimate"]) if about.get("size_estimate") else None,
            labels_source=dict(about.get("labels_source") or {}),
            operator_edits=tuple(about.get("operator_edits") or ()),
        )


def saved_of(m: Measurement, *, name: str | None = None) -> SavedMeasurement:
    """What will be read back of a measurement; its overlay is drawn, or taken where it has been drawn."""
    crop = scale_bar_crop(m)
    return SavedMeasurement(
        name=name or m.micrograph.name,
        about=m.to_dict(),
        table=m.particles,
        overlay_jpeg=jpeg_bytes(m.overlay),
        scale_bar_png=None if crop is None else png_bytes(crop),
        order_png=m.order_picture if m.settings.arrangement.order else None,
        fibres_png=m.fibres_picture if m.settings.arrangement.fibres else None,
    )


def read_saved(folder: Path, *, particles: bool = True, pictures: bool = True) -> SavedMeasurement:
    """A saved measurement. Raises UnreadableFile where a file is missing or damaged.

    particles: read the table now; else when it is asked for; pictures: those for a page too
    """
    about = read_json(folder / MARK)
    try:
        _check(about)
        saved = SavedMeasurement(name=folder.name, about=about, folder=folder)
        if particles:
            _ = saved.particles
        if not pictures:
            return saved
        with Image.open(folder / "overlay.png") as image:
            overlay = jpeg_bytes(image)
        bar = folder / "scale_bar.png"
        crop = bar.read_bytes() if bar.is_file() else None
        order, fibres = (_drawn(folder / f"{k}.png") if about.get(k) else None for k in ("order", "fibres"))
        table = saved.particles if particles else None
        return dataclasses.replace(saved, table=table, overlay_jpeg=overlay, scale_bar_png=crop, order_png=order, fibres_png=fibres)
    except _DAMAGE as error:
        raise _damaged(folder, error) from error


def _drawn(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def read_found(folder: Path) -> SavedMeasurement:
    """What was found, before anybody changed anything; without pictures. Raises UnreadableFile."""
    return read_saved(folder / FOUND if (folder / FOUND / MARK).is_file() else folder, pictures=False)


def keep_found(folder: Path) -> None:
    """Copies what was found aside, once, before the first edit is saved."""
    aside = folder / FOUND
    if (aside / MARK).is_file():
        return
    aside.mkdir(exist_ok=True)
    for name in reversed(FOUND_FILES):  # measurement.json last: its presence says that all are there
        temporary = aside / f"{name}.tmp"
        shutil.copyfile(folder / name, temporary)
        temporary.replace(aside / name)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises UnreadableFile."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "damaged JSON"
        raise UnreadableFile(f"{path}: cannot be read ({reason}); measure again") from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"{path}: not a JSON object; measure again")
    return content


_DAMAGE = (
    OverflowError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    EOFError,
    SyntaxError,
    struct.error,
    zlib.error,
    ScaleError,
    CalibrationError,
)
_NEEDED = ("file", "format", "sha256", "status", "message", "n_particles", "instrument", "settings", "version")


def _damaged(folder: Path, error: Exception) -> UnreadableFile:
    return UnreadableFile(f"{folder}: damaged results ({' '.join(str(error).split())[:120]}); measure again")


def _check(about: dict[str, Any]) -> None:
    """KeyError, TypeError or ValueError where a report could not be made of it: what was damaged may still be JSON."""
    for key in _NEEDED:
        about[key]
    height, width = about["shape_px"]
    engine, scale, distribution = about["engine"], about["scale"], about["distribution"]
    for part, keys in ((engine, ("name", "sha256")), (scale, ("source", "relative_uncertainty", "metadata_nm_per_px_y_x"))):
        for key in keys:
            part[key]
    if scale["nm_per_px_y_x"] is not None:
        Scale(tuple(scale["nm_per_px_y_x"]), scale["relative_uncertainty"], scale["source"])
    calibration_from_dict(scale.get("calibration"))
    if scale["scale_bar"] is not None:
        for key in ("text", "length_px", "nm_per_px", "refined_by", "refused", "confidence"):
            scale["scale_bar"][key]
    figures = [distribution[name][key] for name in STATISTICS for key in ("value", "low", "high")]
    for number in (height, width, about["n_particles"], distribution["n"], *(f for f in figures if f is not None)):
        float(number)
    if distribution["unit"] not in ("nm", "px"):
        raise ValueError(f"no unit of sizes: {distribution['unit']!r}")


def _read_labels(path: Path, shape: tuple[int, int]) -> NDArray[np.int32]:
    if not path.is_file():
        raise UnreadableFile(
            f"{path.parent}: no labels.tif in it, as of a mosaic, which the page cannot edit; look at its report instead"
        )
    try:
        labels = np.asarray(tifffile.imread(path), np.int32)
    except Exception as error:  # whatever the library raises on damage
        raise UnreadableFile(f"{path}: damaged ({str(error)[:80]}); measure the micrograph again") from error
    if labels.shape != shape:
        raise UnreadableFile(f"{path}: {labels.shape} px do not fit the micrograph's {shape}")
    return labels
