"""The folder of one measurement, written so that it is either whole or not there: measurement.json comes last."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import OutputError
from ..core.stores import is_remote, lengths, put, reaching
from .arrangement import AGGREGATE_FILES, ORDER_FILES, with_order, write_aggregates, write_fibres, write_order
from .figures import png_bytes, scale_bar_crop
from .interchange.write import classes_of, write_coco, write_rois
from .pictures import write_labels, write_labels_ome
from .tables import write_particle_csv

if TYPE_CHECKING:
    from .measured import Measured

MARK = "measurement.json"
"""The file that is put in place last: a folder without it is not whole."""
MEASUREMENT_FILES = (MARK, "particles.csv", "labels.tif", "overlay.png", "rois.zip")
"""What is always there; scale_bar.png too where a scale bar was seen."""
PROBABILITY = "probability.tif"
EDITS, FOUND = "edits.jsonl", "found"
"""Where a person edited a result: the edits, and what was found before them."""
_OWN = (
    *MEASUREMENT_FILES,
    *ORDER_FILES,
    *AGGREGATE_FILES,
    "scale_bar.png",
    "labels.ome.tif",
    "coco.json",
    "report.html",
    "report.pdf",
    PROBABILITY,
)
_REPLACED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES)  # what a rename says where there is a folder already
_count = itertools.count()


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
    """What `write_measurement` writes, into a folder that may hold files already: an earlier measurement's are replaced, each in
    one step, measurement.json last; all others stay. Raises OutputError."""
    make_folder(folder)
    making = folder / f".making-{os.getpid()}-{next(_count)}"
    try:
        write_measurement(m, making, unit_row=unit_row, coco=coco, ome=ome)
        replace_files(making, folder)
    except (OSError, OutputError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        reason = getattr(cause, "strerror", None) or error
        raise OutputError(f"{folder}: cannot write ({reason}); free space or choose another output folder") from cause
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def write_measurement(m: Measured, folder: Path, *, unit_row: bool = False, coco: bool = False, ome: bool = False) -> Path:
    """measurement.json, particles.csv, labels.tif, overlay.png, rois.zip, and scale_bar.png where a scale bar was seen, into a new
    folder such as `new_result` gives; where order was asked for its files too.

    unit_row: a second line of particles.csv with the units
    coco: coco.json too; ome: labels.ome.tif too; of a mosaic neither is written, nor scale_bar.png

    Raises OutputError.
    """
    make_folder(folder)
    try:
        (folder / MARK).write_text(json.dumps(m.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        ordered = m.settings.arrangement.order
        table = with_order(m.particles, m.order) if ordered else m.particles
        write_particle_csv(folder / "particles.csv", table, unit_row=unit_row)
        if ordered and m.order is not None:
            write_order(folder, m.order, m.order_picture)
        if m.settings.arrangement.aggregates and m.aggregates is not None:
            write_aggregates(folder, m.aggregates)
        if m.settings.arrangement.fibres and m.fibres is not None and m.fibres_picture is not None:
            write_fibres(folder, m.fibres, m.fibres_picture)
        (folder / "overlay.png").write_bytes(png_bytes(m.overlay))
        if m.mosaic is not None:
            m.mosaic.save(folder, m.scale, n_labels=m.n_particles)
            return folder
        write_labels(folder / "labels.tif", m.labels, m.scale)
        write_rois(folder / "rois.zip", m.contours, classes_of(m))
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


def is_edited(folder: Path) -> bool:
    """Whether edits are in force in the result."""
    try:
        with reaching(folder):
            text = (folder / MARK).read_text(encoding="utf-8")
        return bool(json.loads(text).get("operator_edits"))
    except (OSError, ValueError, AttributeError):
        return False


def holds_edits(folder: Path) -> bool:
    """Whether a person edited the result, even if all was undone: another result must not take its place beside these edits."""
    if is_remote(folder):
        there = lengths(folder)
        return EDITS in there or (MARK in there and is_edited(folder))
    return (folder / EDITS).is_file() or (folder / FOUND).is_dir() or is_edited(folder)


def replace_files(made: Path, folder: Path) -> None:
    """The files in MADE take the place of those in FOLDER, each in one step, measurement.json last: a result that was whole stays
    so throughout. Raises OSError."""
    for path in sorted(made.iterdir(), key=lambda p: (p.name == MARK, p.name)):
        os.replace(path, folder / path.name)


def replace_result(made: Path, folder: Path) -> None:
    """The folder MADE becomes FOLDER, which may lie in an object store. Where that holds older results, their files go or are
    replaced, measurement.json being gone meanwhile, so that nobody takes a mixture for a result; files that are not nanogauge's
    stay. Raises OSError."""
    if is_remote(folder):
        put(made, folder, last=MARK, own=_OWN)
        return
    try:
        os.rename(made, folder)
        return
    except OSError as error:
        if error.errno not in _REPLACED:
            raise
    folder.mkdir(exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    for stale in set(_OWN) - {p.name for p in made.iterdir()}:
        (folder / stale).unlink(missing_ok=True)
    replace_files(made, folder)


@contextmanager
def new_result(folder: Path, *, beside: Path | None = None, anew: bool = False) -> Iterator[Path]:
    """A folder to save a measurement and what goes with it into; it becomes FOLDER, as `replace_result` says, when all is written,
    and vanishes where something fails.

    beside: where it is made, on the same disk; None: next to FOLDER, or, where that lies in an object store, among this machine's
        temporary files; anew: nothing that FOLDER holds stays
    """
    beside = beside or (Path(tempfile.gettempdir()) if is_remote(folder) else folder.parent)
    making = beside / f".{folder.name[:80]}-{os.getpid()}-{next(_count)}"
    try:
        making.mkdir(parents=True)
        yield making
        if anew and folder.exists():
            shutil.rmtree(folder)
        replace_result(making, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
