"""A figure of several panels cut into micrographs, so that each is measured with its own scale bar."""

from __future__ import annotations

import string
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.errors import OutputError
from ..core.micrograph import Instrument, Micrograph
from ..core.settings import ReadSettings
from ..reading import MOSAIC_PX, read_micrograph
from ..reading.containers.tiff import PROVENANCE
from ..scale.bar.panels import find_panels


def panels_of(micrograph: Micrograph) -> list[Micrograph]:
    """The panels of a figure as micrographs of their own, NAME-a, NAME-b ... row by row; the micrograph itself where it is none.

    What the figure's file says of instrument and scale is left out: it holds for no panel for sure.
    """
    boxes = find_panels(micrograph.grey8())
    if len(boxes) == 1:
        return [micrograph]
    name = Path(micrograph.name)
    out = []
    for k, (y0, x0, y1, x1) in enumerate(boxes):
        of = f"panel {letter(k)} of {len(boxes)} of {micrograph.name}, rows {y0} to {y1}, columns {x0} to {x1}"
        out.append(
            Micrograph(
                pixels=micrograph.pixels[y0:y1, x0:x1].copy(),
                name=f"{name.stem}-{letter(k)}{name.suffix}",
                format=micrograph.format,
                sha256=micrograph.sha256,
                instrument=Instrument(),
                notes=(of, *micrograph.notes),
                part=micrograph.part,
            )
        )
    return out


def letter(index: int) -> str:
    """a, b ... z, aa, ab ..."""
    rest, last = divmod(index, 26)
    return (letter(rest - 1) if rest else "") + string.ascii_lowercase[last]


def write_panels(file: Path, folder: Path, name: str, read: ReadSettings) -> list[Path]:
    """The panels of a figure as TIFF files FOLDER/NAME-a.tif, NAME-b.tif ..., the same bytes each time; the file itself where
    it is no figure. Each says in its ImageDescription what it is of. Raises InputError, OutputError."""
    import tifffile

    micrograph = read_micrograph(file, **asdict(read))
    if micrograph.pixels.size >= MOSAIC_PX:
        return [file]
    panels = panels_of(micrograph)
    if len(panels) == 1:
        return [file]
    paths = []
    for k, panel in enumerate(panels):
        path = folder / f"{name}-{letter(k)}.tif"
        text = f"{PROVENANCE}{panel.notes[0]}, SHA-256 {micrograph.sha256}"
        options: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "software": False, "datetime": False}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, panel.pixels, description=text.encode("ascii", "backslashreplace").decode(), **options)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); check its access rights and the disk") from error
        paths.append(path)
    return paths
