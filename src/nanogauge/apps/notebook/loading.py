"""What was saved, read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...core.errors import NanogaugeError, UnreadableFile
from ...core.micrograph import Instrument, Micrograph
from ...core.remarks import Remark
from ...core.scale import Scale
from ...core.settings import ReadSettings
from ...reading import METADATA_RELATIVE_UNCERTAINTY, MOSAIC_PX, read_micrograph
from ...results.measurement import Measurement
from ...results.run_json import result_folders, run_inputs
from ...results.saved import read_saved
from .sequence import Measurements


def load(folder: str | Path, *, micrographs: str | Path | None = None) -> Measurement | Measurements:
    """Reads results back: of one micrograph, or of a whole run.

    Parameters
    ----------
    folder : path
        What `Measurement.save`, `Measurements.save`, ``nanogauge measure``, ``nanogauge import`` or the page wrote: the folder of
        one micrograph, or that of the run. Corrections made on the page are in what is read.
    micrographs : path, optional
        The folder in which the micrographs lie now. By default they are looked for where they were measured, in FOLDER
        and beside it.

    Returns
    -------
    Measurement or Measurements
        A `Measurement` for the folder of one micrograph; for a run a lazy sequence, whose items are read when they are asked for.

    Raises
    ------
    UnreadableFile
        Where there are no results, a file is damaged, or the labels belong to a mosaic and are too large to be loaded.

    Notes
    -----
    Where a micrograph is not found, or is not the file that was measured, its grey levels are NaN and a note says so; sizes, labels
    and the overlay are there all the same. The map between the pixels is not kept, so `foreground` is None.

    Examples
    --------
    >>> import nanogauge, tempfile
    >>> folder = nanogauge.measure("examples/thermo-gold-spheres.png").save(tempfile.mkdtemp())
    >>> nanogauge.load(folder)
    <Measurement thermo-gold-spheres.png: 63 particles (58 counted), mean 45.9 nm, median 45.6 nm>
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UnreadableFile(f"{root}: no such folder; give one that was saved or that `nanogauge measure` wrote")
    folders = list(result_folders(root))
    stated = _stated_files(root)
    places = [] if micrographs is None else [Path(micrographs).expanduser()]
    if folders == [root]:
        return _load(root, {}, [*places, root, root.parent, root.parent.parent])
    names = [f.name for f in folders]
    around = [*places, root, root.parent]
    return Measurements(names, lambda k: _load(folders[k], stated, around), name=root.resolve().name)


def _stated_files(root: Path) -> dict[str, Path]:
    """Folder name -> file that was measured, as run.json has it."""
    return {str(i["folder"]): Path(str(i["file"])) for i in run_inputs(root) if i.get("file")}


def _load(folder: Path, stated: dict[str, Path], places: list[Path]) -> Measurement:
    saved = read_saved(folder, pictures=False)
    height, width = saved.about["shape_px"]
    if height * width >= MOSAIC_PX:
        raise UnreadableFile(
            f"{folder}: a mosaic of {height} x {width} px; read its particles.csv with pandas, or look at its report"
        )
    stated = stated or _stated_files(folder.parent)
    micrograph, found = _micrograph(
        saved.about, saved.settings.read, [stated[folder.name]] if folder.name in stated else [], places
    )
    try:
        m = saved.measurement(micrograph)
        m = dataclasses.replace(m, remarks=_remarks(m, saved.about))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableFile(
            f"{folder / 'measurement.json'}: damaged ({' '.join(str(error).split())[:120]}); measure again"
        ) from error
    known: dict[str, Any] = {"outline": saved.about.get("outline", "labels"), "edge_offset_px": saved.edge_offset_px}
    if not found:
        known["overlay"] = _overlay(folder)
    m.__dict__.update(known)  # properties that would be worked out from what was not kept
    return m


def _remarks(m: Measurement, about: dict[str, Any]) -> tuple[Remark, ...]:
    """What was noticed on the way: the warnings but for the notes before them and the figures' own, which are worked out again."""
    said = [Remark(w["code"], w["text"]) for w in about.get("warnings") or ()]
    n_figures = len(m.warnings) - len(m.micrograph.notes)
    return tuple(said[len(about["notes"]) : len(said) - n_figures])


def _micrograph(about: dict[str, Any], read: ReadSettings, stated: list[Path], places: list[Path]) -> tuple[Micrograph, bool]:
    """The micrograph that was measured, and whether it is there; without it what the result says of it."""
    candidates = [q for p in stated for q in (p, *(place / p for place in places))] + [place / about["file"] for place in places]
    for path in dict.fromkeys(candidates):
        if path.exists():
            try:
                micrograph = read_micrograph(path, **dataclasses.asdict(read))
            except NanogaugeError:
                continue
            if micrograph.sha256 == about["sha256"]:
                return micrograph, True
    known = {f.name for f in dataclasses.fields(Instrument)}
    pair = about["scale"]["metadata_nm_per_px_y_x"]
    size = about["instrument"].get("pixel_size_nm")
    instrument = {k: v for k, v in about["instrument"].items() if k in known} | {
        "pixel_size_nm": None if size is None else tuple(size)
    }
    micrograph = Micrograph(
        pixels=np.full(about["shape_px"], np.nan, np.float32),
        name=about["file"],
        format=about["format"],
        sha256=about["sha256"],
        instrument=Instrument(**instrument),
        scale=None if pair is None else Scale((pair[0], pair[1]), METADATA_RELATIVE_UNCERTAINTY, "metadata"),
        notes=(*about["notes"], _missing(about)),
    )
    return micrograph, False


def _overlay(folder: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(folder / "overlay.png") as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableFile(f"{folder / 'overlay.png'}: missing or damaged; measure the micrograph again") from error


def _missing(about: dict[str, Any]) -> str:
    if not about["sha256"]:
        return f"{about['file']} was measured from memory: its grey levels were not kept"
    return f"{about['file']} was not found: its grey levels are missing; give its folder as micrographs="
