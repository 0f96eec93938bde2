"""What a report needs to know of one micrograph, from a Measurement just made or from the folder it was saved in."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ..core.errors import ScaleError, UnreadableFile
from ..core.particles import column_dtypes
from ..core.scale import Scale
from ..core.settings import Settings, settings_from_dict
from ..statistics.distribution import STATISTICS
from .figures import jpeg_bytes, png_bytes, scale_bar_crop
from .measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class Record:
    """name: of its folder; about: measurement.json; particles: the table; overlay: JPEG; scale_bar: PNG, or None.

    `overlay` and `scale_bar` are bytes, to be dropped as soon as the micrograph's page is written.
    """

    name: str
    about: dict[str, Any]
    particles: pd.DataFrame = field(repr=False)
    overlay: bytes = field(repr=False, default=b"")
    scale_bar: bytes | None = field(repr=False, default=None)

    @property
    def scale(self) -> Scale | None:
        """The scale used."""
        s = self.about["scale"]
        pair = s["nm_per_px_y_x"]
        return None if pair is None else Scale((pair[0], pair[1]), s["relative_uncertainty"], s["source"])

    @property
    def settings(self) -> Settings:
        """The settings it was measured with; keys that this version does not know are ignored."""
        known = Settings().to_dict()
        stated = self.about.get("settings") or {}
        kept = {s: {k: v for k, v in stated.get(s, {}).items() if k in known[s]} for s in known}
        return settings_from_dict(kept)


def record_of(m: Measurement, *, name: str | None = None) -> Record:
    """The record of a measurement; its overlay is drawn, or taken where it has been drawn."""
    crop = scale_bar_crop(m)
    return Record(
        name=name or m.micrograph.name,
        about=m.to_dict(),
        particles=m.particles,
        overlay=jpeg_bytes(m.overlay),
        scale_bar=None if crop is None else png_bytes(crop),
    )


def read_record(folder: Path, *, pictures: bool = True) -> Record:
    """The record of a saved measurement. Raises UnreadableFile where a file is missing or damaged."""
    about = read_json(folder / "measurement.json")
    try:
        _check(about)
        scaled = about["scale"]["nm_per_px_y_x"] is not None
        particles = _read_particles(folder / "particles.csv", in_nm=scaled)
        overlay, crop = b"", None
        if pictures:
            with Image.open(folder / "overlay.png") as image:
                overlay = jpeg_bytes(image)
            if (folder / "scale_bar.png").is_file():
                crop = (folder / "scale_bar.png").read_bytes()
    except _DAMAGE as error:
        raise UnreadableFile(f"{folder}: damaged results ({' '.join(str(error).split())[:120]}); measure again") from error
    return Record(name=folder.name, about=about, particles=particles, overlay=overlay, scale_bar=crop)


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
)
_NEEDED = ("file", "format", "sha256", "status", "message", "n_particles", "instrument", "settings", "version")


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
    if scale["scale_bar"] is not None:
        for key in ("text", "length_px", "nm_per_px", "refined_by", "refused", "confidence"):
            scale["scale_bar"][key]
    figures = [distribution[name][key] for name in STATISTICS for key in ("value", "low", "high")]
    for number in (height, width, about["n_particles"], distribution["n"], *(f for f in figures if f is not None)):
        float(number)
    if distribution["unit"] not in ("nm", "px"):
        raise ValueError(f"no unit of sizes: {distribution['unit']!r}")


def result_folders(out: Path) -> Iterator[Path]:
    """The folders of a run's measurements, in the order of run.json, else of their names. A folder of one measurement is itself
    one. Raises UnreadableFile where there is none."""
    if (out / "measurement.json").is_file():
        yield out
        return
    names: list[str] = []
    if (out / "run.json").is_file():
        run = read_json(out / "run.json")
        names = [str(i.get("folder")) for i in run.get("inputs", []) if isinstance(i, dict) and i.get("folder")]
    found = [out / n for n in names if (out / n / "measurement.json").is_file()]
    if not names and out.is_dir():
        found = sorted(p.parent for p in out.glob("*/measurement.json"))
    if not found:
        raise UnreadableFile(f"{out}: no results in it; give a folder that `nanogauge measure` or `nanogauge import` wrote")
    yield from found


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


def _read_particles(path: Path, *, in_nm: bool) -> pd.DataFrame:
    """particles.csv with its dtypes; a row of units below the header is passed over."""
    text = path.read_text(encoding="utf-8")
    second = text.split("\n", 2)[1:2]
    units = bool(second) and second[0].strip() != "" and not second[0].split(",")[0].strip().isdigit()
    table = pd.read_csv(io.StringIO(text), skiprows=[1] if units else None, float_precision="round_trip")
    for name in column_dtypes(in_nm=in_nm):
        if name not in table:
            raise ValueError(f"particles.csv has no column {name}")
    table["flags"] = table["flags"].fillna("")
    return table.astype(column_dtypes(in_nm=in_nm))
