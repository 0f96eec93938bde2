"""A micrograph of phases, a sample of them, and their files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.errors import InputError, OutputError
from ..core.micrograph import Micrograph
from ..core.version import __version__
from ..phases.check import Check
from ..phases.drawing import describe, overlay, phase_colours, phases_png
from ..phases.export import chords_frame, interfaces_frame, phases_dict, phases_frame
from ..phases.figures import PhaseFigures
from ..phases.part import Part, part_of
from ..phases.phase_map import UNJUDGED, PhaseMap
from ..scale.bar import ScaleBarReading
from ..scale.resolve import ScaleDecision, scale_dict
from .atomic import write_atomic
from .figures import colour_key, png_bytes
from .folder import make_folder
from .pictures import write_labels

PHASE_FILES = ("phases.json", "phases.csv", "interfaces.csv", "pieces.csv", "chords.csv", "phases.tif", "overlay.png", "phases.png")


@dataclass(frozen=True, kw_only=True)
class PhaseMeasurement:
    """One micrograph, all of it given to phases.

    Attributes
    ----------
    micrograph : Micrograph
    decision : ScaleDecision
        The scale, and why it is this one.
    scale_bar : ScaleBarReading or None
        What was read of the burned-in scale bar.
    frame : tuple of int
        (y0, x0, y1, x1) of the micrograph in which the map lies.
    map : PhaseMap
        The phase of every pixel of the frame.
    check : Check or None
        What the network gets wrong on held-out pictures.
    engine, engine_sha256 : str
        The network.
    """

    micrograph: Micrograph = field(repr=False)
    decision: ScaleDecision = field(repr=False)
    scale_bar: ScaleBarReading | None = field(repr=False, default=None)
    frame: tuple[int, int, int, int]
    map: PhaseMap = field(repr=False)
    check: Check | None = field(repr=False, default=None)
    engine: str = ""
    engine_sha256: str = ""

    def __repr__(self) -> str:
        return f"<PhaseMeasurement {self.micrograph.name}: {', '.join(describe(p) for p in self.figures.phases)}>"

    @cached_property
    def part(self) -> Part:
        """The map, counted."""
        return part_of(self.map)

    @cached_property
    def figures(self) -> PhaseFigures:
        """Shares, chords, thickness, interfaces, grains and pores."""
        return PhaseFigures((self.part,), self.check)

    @cached_property
    def overlay(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB: the micrograph tinted in the colours of its phases; grey where it is unsure."""
        return overlay(self.micrograph.grey8(), self.map, self.frame)

    def _key(self) -> NDArray[np.uint8]:
        """(h, W, 3) RGB: a strip that says which colour is which phase."""
        names = self.map.names
        colours: dict[str, tuple[int, int, int] | None] = dict(zip(names, phase_colours(names), strict=True))
        return colour_key(colours | {"grey: unsure, or left out as text": None}, self.micrograph.shape[1])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before using the figures."""
        return (*self.micrograph.notes, *self.decision.warnings, *self.figures.warnings)

    def labels(self) -> NDArray[np.int32]:
        """(H, W) of the micrograph: 1 for the first phase and so on, 0 where there is none."""
        y0, x0, y1, x1 = self.frame
        out = np.zeros(self.micrograph.shape, np.int32)
        out[y0:y1, x0:x1] = np.where(self.map.phases == UNJUDGED, 0, self.map.phases.astype(np.int32) + 1)
        return out

    def to_dict(self) -> dict[str, Any]:
        """For phases.json."""
        m = self.micrograph
        return {
            "file": m.name,
            "sha256": m.sha256,
            "shape_px": list(m.shape),
            "part": asdict(m.part),
            "scale": scale_dict(self.decision, self.scale_bar, m.scale),
            "frame_y0_x0_y1_x1": list(self.frame),
            "engine": {"name": self.engine, "sha256": self.engine_sha256},
            "version": __version__,
            "notes": list(m.notes),
            **phases_dict(self.figures),
        }

    def save(self, folder: str | Path) -> Path:
        """The files of `PHASE_FILES` into FOLDER. Raises OutputError."""
        folder = make_folder(Path(folder))
        try:
            write_labels(folder / "phases.tif", self.labels(), self.decision.scale)
            (folder / "overlay.png").write_bytes(png_bytes(np.vstack([self.overlay, self._key()])))
            (folder / "phases.png").write_bytes(phases_png(self.figures, self.overlay))
        except OSError as error:
            raise OutputError(f"{folder}: cannot write ({error.strerror}); free space or choose another output folder") from error
        name = self.micrograph.name
        _write_tables(folder, self.figures, phases_frame(self.figures, name), interfaces_frame(self.figures, name))
        write_atomic(folder / "phases.json", _json(self.to_dict()))  # last: a folder without it is not whole
        return folder


@dataclass(frozen=True)
class PhaseSample:
    """Several micrographs of one sample, pooled in `figures`. Raises InputError where they do not go together."""

    every: tuple[PhaseMeasurement, ...]

    def __post_init__(self) -> None:
        if not self.every:
            raise InputError("no micrograph to pool")
        _ = self.figures

    def __repr__(self) -> str:
        return f"<PhaseSample of {len(self.every)} micrographs: {', '.join(describe(p) for p in self.figures.phases)}>"

    @cached_property
    def figures(self) -> PhaseFigures:
        """Of all micrographs together."""
        return PhaseFigures(tuple(m.part for m in self.every), self.every[0].check)

    def save(self, folder: str | Path) -> Path:
        """phases.csv with a row for each micrograph and phase and, without a name, for the sample; interfaces.csv likewise;
        pieces.csv and chords.csv of all; phases.json of the sample. Raises OutputError."""
        folder = make_folder(Path(folder))
        tables = [
            pd.concat([make(m.figures, m.micrograph.name) for m in self.every] + [make(self.figures, "")], ignore_index=True)
            for make in (phases_frame, interfaces_frame)
        ]
        _write_tables(folder, self.figures, *tables)
        write_atomic(folder / "phases.json", _json({"version": __version__, **phases_dict(self.figures)}))
        return folder


def pool_phases(every: Sequence[PhaseMeasurement]) -> PhaseSample:
    """Micrographs of one sample, together. Raises InputError where their phases differ, or only some have a scale."""
    return PhaseSample(tuple(every))


def write_check(path: Path, check: Check) -> None:
    """A check as `read_check` reads it. Raises OutputError."""
    write_atomic(path, _json(check.to_dict()))


def _write_tables(folder: Path, f: PhaseFigures, phases: pd.DataFrame, interfaces: pd.DataFrame) -> None:
    pieces = pd.concat([f.pieces_table(k) for k in range(len(f.names))], ignore_index=True)
    tables = {"phases": phases, "interfaces": interfaces, "pieces": pieces, "chords": chords_frame(f)}
    for name, table in tables.items():
        write_atomic(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
