"""A file the microscope wrote -> Micrograph. Chosen by content, never by extension.

    bytes ──CONTAINERS──▶ raster (PNG, JPEG, BMP) · tiff · velox (emd) · rosetta (dm3, dm4, ser, emi, bcf, elid)
                              └─ pixels (H, W)      └─ MAKERS: thermo, zeiss, tescan, jeol ... tags -> Facts
    neighbour .txt/.hdr ──MAKERS──▶ Facts ──calibrate (contract)──▶ Instrument, Scale | None, notes

A new kind of file is one module and one line in CONTAINERS; a new maker one module and one line in `makers.MAKERS`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..core.errors import UnreadableFile
from ..core.micrograph import Micrograph
from . import grey, sniffing
from .containers import ome_zarr, raster, rosetta, tiff, velox
from .contract import METADATA_RELATIVE_UNCERTAINTY, Container, Facts, calibrate
from .sidecar import read_sidecar

CONTAINERS: tuple[Container, ...] = (
    raster.PNG,
    raster.JPEG,
    raster.BMP,
    tiff.TIFF,
    rosetta.DM,
    velox.EMD,
    rosetta.TIA,
    rosetta.BCF,
    rosetta.ELID,
)
SUFFIXES: frozenset[str] = frozenset(suffix for container in CONTAINERS for suffix in container.suffixes)
"""Suffixes, in lower case, of the files worth trying when a folder is given. Reading itself goes by content."""

_HEAD_BYTES = 512

__all__ = ["METADATA_RELATIVE_UNCERTAINTY", "SUFFIXES", "read_micrograph"]


def read_micrograph(path: str | Path) -> Micrograph:
    """Reads one micrograph.

    Parameters
    ----------
    path : path
        A file, or the folder of an OME-Zarr. Its kind is recognised by its content, never by its name.

    Returns
    -------
    Micrograph
        pixels (H, W) uint8, uint16 or float32, bright = high, all finite; `format` such as "tiff/zeiss" or "png"; the file's
        SHA-256; what it says about the instrument; and a `Scale` with source "metadata" and a relative uncertainty of 2 %
        (`METADATA_RELATIVE_UNCERTAINTY`), where the file or a sidecar beside it states one that fits the picture. Generic
        resolution tags (dpi) never give a scale. What had to be decided is in `notes`.

    Raises
    ------
    UnreadableFile
        Missing, a folder, no permission, empty, cut off, damaged, or not a picture.
    UnsupportedFormat
        A kind that is not read here, an extra that is not installed, or more than a gigapixel.

    Examples
    --------
    >>> import nanogauge
    >>> nanogauge.read_micrograph("examples/thermo-gold-spheres.png")
    <Micrograph thermo-gold-spheres.png: 524 x 640 px uint8, png, no scale in the file>
    """
    path = Path(path)
    if ome_zarr.is_ome_zarr(path):
        return _zarr(path)
    head, sha256 = _open(path)
    container = next((c for c in CONTAINERS if c.matches(head)), None)
    if container is None:
        raise sniffing.unknown(path, head)
    decoded = container.read(path, head)
    shape = (int(decoded.pixels.shape[0]), int(decoded.pixels.shape[1]))
    name, facts, notes = decoded.format, decoded.facts, decoded.notes
    if not _calibrated(facts):
        maker, beside, more = read_sidecar(path, shape)
        notes = (*notes, *more)
        if beside is not None and (facts is None or _calibrated(beside)):
            facts, name = beside, f"{name.split('/')[0]}/{maker}"
    instrument, scale, more = calibrate(facts, shape)
    return Micrograph(
        pixels=decoded.pixels,
        name=path.name,
        path=path,
        format=name,
        sha256=sha256,
        instrument=instrument,
        scale=scale,
        notes=(*notes, *more),
        hint=decoded.hint if scale is None else "",
    )


def _zarr(path: Path) -> Micrograph:
    picture = ome_zarr.open_picture(path)
    raster.refuse_huge(path, picture.shape[1], picture.shape[0])
    pixels, notes = grey.settled(picture.read(0, picture.shape[0], 0, picture.shape[1]))
    instrument, scale, more = calibrate(picture.facts, picture.shape)
    return Micrograph(
        pixels=pixels,
        name=path.name,
        path=path,
        format="ome-zarr",
        sha256=ome_zarr.sha256_of(path),
        instrument=instrument,
        scale=scale,
        notes=(*notes, *more),
    )


def _calibrated(facts: Facts | None) -> bool:
    return facts is not None and facts.instrument.pixel_size_nm is not None


def _open(path: Path) -> tuple[bytes, str]:
    """First bytes and SHA-256 of the file, or UnreadableFile."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise UnreadableFile(f"{path}: this is a folder; give a file, or let the batch command take the folder") from None
    except PermissionError:
        what = "this is a folder; give a file" if path.is_dir() else "no permission to read it; change its access rights"
        raise UnreadableFile(f"{path}: {what}") from None  # Windows refuses to open folders with this error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be opened ({error}); check the path and the disk") from error
    if not head:
        raise UnreadableFile(f"{path}: the file is empty; copy it again from the microscope")
    return head, sha256
