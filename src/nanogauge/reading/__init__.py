"""A file the microscope wrote -> Micrograph. Chosen by content, never by extension.

    File ──CONTAINERS──▶ raster · tiff · dm · tia · hdf5 (velox, berkeley, hyperspy) · mrc · arrays · rosetta (bcf, elid)
                              ├─ pick: which page, detector, channel ─▶ pixels (H, W)
                              └─ MAKERS: thermo, zeiss, tescan, jeol ... tags -> Facts
    neighbour .txt/.hdr ──MAKERS──▶ Facts ──calibrate (contract)──▶ Instrument, Scale | None, notes

A new kind of file is one module and one line in CONTAINERS; a new maker one module and one line in `makers.MAKERS`.
"""

from __future__ import annotations

from pathlib import Path

from ..core.micrograph import Micrograph
from . import grey, sniffing
from .containers import arrays, dm, hdf5, hyperspy, mrc, ome_zarr, raster, rosetta, tia, tiff
from .containers.windowed import MOSAIC_PX, Mosaic, tiff_mosaic, zarr_mosaic
from .contract import METADATA_RELATIVE_UNCERTAINTY, Container, Decoded, Facts, Wish, calibrate, refuse_huge, refuse_reciprocal
from .file import File
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

__all__ = [
    "METADATA_RELATIVE_UNCERTAINTY",
    "MOSAIC_PX",
    "SUFFIXES",
    "Mosaic",
    "is_picture_folder",
    "read_micrograph",
    "read_picture",
]


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
    found = read_picture(path, page=page, detector=detector, channel=channel, mosaic_px=None)
    assert isinstance(found, Micrograph)
    return found


def read_picture(
    path: str | Path, *, page: int = 0, detector: str = "", channel: str = "", mosaic_px: int | None = MOSAIC_PX
) -> Micrograph | Mosaic:
    """Reads a micrograph as `read_micrograph` does, but a TIFF or an OME-Zarr of at least `mosaic_px` pixels window by window.

    Raises the same, and UnsupportedFormat for a large one that cannot be read by windows, such as a channel of a colour TIFF.
    """
    path = Path(path)
    wish = Wish(page=page, detector=detector, channel=channel)
    if is_picture_folder(path):
        return _folder(path, wish, mosaic_px)
    with File(path) as file:
        mosaic = None if mosaic_px is None else tiff_mosaic(file, wish, mosaic_px)
        if mosaic is not None:
            return mosaic
        container = next((c for c in CONTAINERS if c.matches(file.head)), None)
        if container is None:
            raise sniffing.unknown(path, file.head)
        return _micrograph(path, container.read(file, wish), file.sha256)


def _folder(path: Path, wish: Wish, mosaic_px: int | None) -> Micrograph | Mosaic:
    if not ome_zarr.is_ome_zarr(path):
        return _micrograph(path, hyperspy.read_zspy(path, wish), ome_zarr.sha256_of(path))
    picture = ome_zarr.open_picture(path, wish)
    height, width = picture.shape
    if mosaic_px is not None and height * width >= mosaic_px:
        return zarr_mosaic(path, picture)
    refuse_huge(path, width, height)
    pixels, notes = grey.settled(picture.read(0, height, 0, width))
    notes = (*picture.notes, *notes)
    decoded = Decoded(pixels=pixels, format="ome-zarr", facts=picture.facts, notes=notes, part=picture.part)
    return _micrograph(path, decoded, ome_zarr.sha256_of(path))


def _micrograph(path: Path, decoded: Decoded, sha256: str) -> Micrograph:
    """The picture, with what a sidecar says where the file itself says less, calibrated."""
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


def _calibrated(facts: Facts | None) -> bool:
    return facts is not None and facts.instrument.pixel_size_nm is not None


def is_picture_folder(path: Path) -> bool:
    """Whether a folder is one picture (OME-Zarr, zspy) and not a folder of pictures."""
    return path.is_dir() and (ome_zarr.is_ome_zarr(path) or hyperspy.is_zspy(path))
