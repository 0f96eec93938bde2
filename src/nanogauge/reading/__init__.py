"""A file the microscope wrote -> Micrograph. Chosen by content, never by extension.

    bytes ──CONTAINERS──▶ raster · tiff · dm · tia · hdf5 (velox, berkeley, hyperspy) · mrc · arrays · rosetta (bcf, elid)
                              ├─ pick: which page, detector, channel ─▶ pixels (H, W)
                              └─ MAKERS: thermo, zeiss, tescan, jeol ... tags -> Facts
    neighbour .txt/.hdr ──MAKERS──▶ Facts ──calibrate (contract)──▶ Instrument, Scale | None, notes

A new kind of file is one module and one line in CONTAINERS; a new maker one module and one line in `makers.MAKERS`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..core.errors import UnreadableFile
from ..core.micrograph import Micrograph
from . import grey, sniffing
from .containers import arrays, dm, hdf5, hyperspy, mrc, ome_zarr, raster, rosetta, tia, tiff
from .contract import METADATA_RELATIVE_UNCERTAINTY, Container, Decoded, Facts, Wish, calibrate, refuse_huge, refuse_reciprocal
from .sidecar import read_sidecar

CONTAINERS: tuple[Container, ...] = (
    raster.PNG,
    raster.JPEG,
    raster.JPEG2000,
    raster.WEBP,
    raster.GIF,
    raster.BMP,
    tiff.TIFF,
    dm.DM,
    tia.SER,
    tia.EMI,
    hdf5.HDF5,
    mrc.MRC,
    arrays.NPY,
    arrays.NPZ,
    rosetta.BCF,
    rosetta.ELID,
)
SUFFIXES: frozenset[str] = frozenset(suffix for container in CONTAINERS for suffix in container.suffixes)
"""Suffixes, in lower case, of the files worth trying when a folder is given. Reading itself goes by content."""

_HEAD_BYTES = 1024

__all__ = ["METADATA_RELATIVE_UNCERTAINTY", "SUFFIXES", "is_picture_folder", "read_micrograph"]


def read_micrograph(path: str | Path, *, page: int = 0, detector: str = "", channel: str = "") -> Micrograph:
    """Reads one micrograph.

    Parameters
    ----------
    path : path
        A file, or the folder of an OME-Zarr or zspy picture. Its kind is recognised by its content, never by its name.
    page : int
        Which page of a stack, counted from 1; 0: the first, or the one that holds the calibration.
    detector : str
        Which picture of a file with several, by the detector's name or its number from 1; "": the first.
    channel : str
        Which channel of a colour picture or stack, by name (red, green, blue, OME's names) or number; "": the luminance, or the
        first.

    Returns
    -------
    Micrograph
        pixels (H, W) uint8, uint16 or float32, bright = high, all finite; `format` such as "tiff/zeiss" or "png"; the file's
        SHA-256; which `part` of it this is; what it says about the instrument; and a `Scale` with source "metadata" and a
        relative uncertainty of 2 % (`METADATA_RELATIVE_UNCERTAINTY`), where the file or a sidecar beside it states one that fits
        the picture. Generic resolution tags (dpi) never give a scale. What had to be decided is in `notes`.

    Raises
    ------
    UnreadableFile
        Missing, a folder, no permission, empty, cut off, damaged, or not a picture.
    UnsupportedFormat
        A kind that is not read here, a diffraction pattern, spectra, an extra that is not installed, or more than a gigapixel.
    NoSuchPart
        A page, detector or channel that the file does not have; the message lists what it has.

    Examples
    --------
    >>> import nanogauge
    >>> nanogauge.read_micrograph("examples/thermo-gold-spheres.png")
    <Micrograph thermo-gold-spheres.png: 524 x 640 px uint8, png, no scale in the file>
    """
    path = Path(path)
    wish = Wish(page=page, detector=detector, channel=channel)
    if is_picture_folder(path):
        decoded, sha256 = (
            (hyperspy.read_zspy(path, wish) if hyperspy.is_zspy(path) else _zarr(path, wish)),
            ome_zarr.sha256_of(path),
        )
    else:
        head, sha256 = _open(path)
        container = next((c for c in CONTAINERS if c.matches(head)), None)
        if container is None:
            raise sniffing.unknown(path, head)
        decoded = container.read(path, head, wish)
    refuse_reciprocal(path, decoded.facts)
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
        part=decoded.part,
        hint=decoded.hint if scale is None else "",
    )


def is_picture_folder(path: Path) -> bool:
    """Whether a folder is one picture (OME-Zarr, zspy) and not a folder of pictures."""
    return path.is_dir() and (ome_zarr.is_ome_zarr(path) or hyperspy.is_zspy(path))


def _zarr(path: Path, wish: Wish) -> Decoded:
    picture = ome_zarr.open_picture(path, wish)
    refuse_huge(path, picture.shape[1], picture.shape[0])
    pixels, notes = grey.settled(picture.read(0, picture.shape[0], 0, picture.shape[1]))
    return Decoded(pixels=pixels, format="ome-zarr", facts=picture.facts, notes=(*picture.notes, *notes), part=picture.part)


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
