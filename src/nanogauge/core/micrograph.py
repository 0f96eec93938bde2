"""What was read from a file: the picture, the instrument's facts, the scale the file itself states."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scale import Scale

SCANNING_KV = 30.0  # the most that scanning microscopes reach; transmission begins at 60, but for few


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """What the file says about the microscope. A field is None where the file does not say."""

    maker: str | None = None
    model: str | None = None
    accelerating_voltage_kv: float | None = None
    working_distance_mm: float | None = None
    magnification: float | None = None
    detector: str | None = None
    acquired: str | None = None  # ISO 8601 where the file's form is understood, else as written
    pixel_size_nm: tuple[float, float] | None = None  # (y, x), of the picture as stored in the file
    field_width_nm: float | None = None
    data_bar_first_row: int | None = None  # first row of the maker's data bar, where the file says

    def __repr__(self) -> str:
        known = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) is not None)
        return f"Instrument({', '.join(known)})"


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which of a file's pictures this is. Pages count from 1; detector and channel are names, "" where the file has but one
    without a name. `detectors` and `channels` are all there are."""

    page: int = 1
    n_pages: int = 1
    detector: str = ""
    detectors: tuple[str, ...] = ()
    channel: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Micrograph:
    """One picture, ready to measure.

    Attributes
    ----------
    pixels : (H, W) ndarray of uint8, uint16 or float32
        Grey levels as displayed, bright = high signal; at least 1 x 1.
    name : str
        File name, or what else the picture is called.
    path : Path or None
        Its file, if it came from one.
    format : str
        Such as "tiff/zeiss" or "png".
    sha256 : str
        Hash of the file; "" where there is none.
    instrument : Instrument
        What the file says about the microscope.
    scale : Scale or None
        What the file's metadata state.
    notes : tuple of str
        What the reader had to decide, such as "first of 3 pages used".
    part : Part
        Which page, detector and channel of the file it is.
    hint : str
        What in the file may be its scale but cannot be trusted by itself, in words.

    Raises
    ------
    ValueError
        For pixels that are not a non-empty (H, W) array.
    """

    pixels: NDArray[Any]
    name: str
    path: Path | None = None
    format: str = ""
    sha256: str = ""
    instrument: Instrument = field(default_factory=Instrument)
    scale: Scale | None = None
    notes: tuple[str, ...] = ()
    part: Part = field(default_factory=Part)
    hint: str = ""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.size == 0:
            raise ValueError(f"pixels must be a non-empty (H, W) array, got shape {self.pixels.shape}")

    def __repr__(self) -> str:
        facts = [f"{self.shape[0]} x {self.shape[1]} px {self.pixels.dtype}", self.format]
        facts.append("no scale in the file" if self.scale is None else f"{self.scale.mean_nm_per_px:.4g} nm/px")
        return f"<Micrograph {self.name}: {', '.join(filter(None, facts))}>"

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    def grey8(self) -> NDArray[np.uint8]:
        """(H, W) uint8 for looking and reading, not to be written to: 8-bit pictures as they are, others stretched from 0.1 to
        99.9 %."""
        return self._grey8

    @cached_property
    def _grey8(self) -> NDArray[np.uint8]:
        if self.pixels.dtype == np.uint8:
            return np.asarray(self.pixels, np.uint8)
        values = np.asarray(self.pixels, np.float32)
        finite = values[np.isfinite(values)]
        if not finite.size:
            return np.zeros(self.shape, np.uint8)
        low, high = np.quantile(finite, [0.001, 0.999])
        if high <= low:
            low, high = float(finite.min()), float(finite.max())
        span = float(high - low) or 1.0
        scaled = (np.nan_to_num(values, nan=float(low), posinf=float(high), neginf=float(low)) - low) / span
        return np.asarray(np.round(255 * np.clip(scaled, 0, 1)), np.uint8)
