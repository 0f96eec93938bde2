"""TIFF and BigTIFF: pixels through tifffile, instrument metadata through the makers' modules.

Resolution tags (72 dpi and the like) are not physical in most makers' files and never are a scale by themselves; where they are
finer than any print's, they are offered as a hint.
"""

from __future__ import annotations

import logging
import math
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ...core.micrograph import Part
from ...core.scale import unit_nm
from .. import grey
from ..contract import SMALLEST_NM_PER_PX, Container, Decoded, Facts, Wish, refuse_huge, refuse_reciprocal
from ..file import File
from ..makers import MAKERS
from ..pick import channel_names, one_channel, unique, which, which_page
from ..tags import Tags
from ..text import xml

PROVENANCE = "nanogauge: "
"""How an ImageDescription begins that tells what a picture was cut from."""

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PAGES_SEARCHED, _DETECTORS_SEARCHED = 8, 256
_MUCH_LARGER = 1.25  # each side, from which on one page may be the other's thumbnail
_ALIKE, _COMPARED_BLUR_PX = 0.8, 1.0  # correlation of two pages that show the same picture, each blurred
_LEAST_COMPARED_PX, _COMPARED_PX = 16, 1 << 25  # of the smaller page's sides, and of the larger page in all
_MINISWHITE, _RGB, _PALETTE, _CMYK, _YCBCR, _CIELAB = 0, 2, 3, 5, 6, 8
_JPEG = (6, 7, 33007, 34892)
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_PRINT_NM_PER_PX = 2 * unit_nm("µm")  # finer than any printer's or scanner's 12,700 dpi
_REDUCED = 1  # bit of NewSubfileType: a smaller version of another page
Why = Literal["first", "calibrated", "largest"]
DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    RuntimeError,  # all errors of imagecodecs
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)


def read(source: File, wish: Wish) -> Decoded:
    """The page wished for; by default the first picture, or the first page that holds the instrument's calibration (Olympus: the
    second), or the largest of several that show the same picture."""
    path = source.path
    with quiet():
        try:
            with open_tiff(source) as file:
                if len(file.pages) == 0:
                    raise UnreadableFile(f"{path}: a TIFF without a picture; copy it again from the microscope")
                index, name, facts, part, why = choose(source, file, wish)
                page: Any = file.pages[index]
                refuse_reciprocal(path, facts)
                refuse_huge(path, int(page.imagewidth), int(page.imagelength))
                if not isinstance(page.bitspersample, int):
                    raise UnsupportedFormat(f"{path}: a TIFF whose channels differ in depth; save it as grey or 8-bit RGB")
                check_strips(path, page)
                pixels, notes, part = _picture(path, page, part, "" if part.channel else wish.channel)
                hint = _resolution_hint(Tags(page))
                description = Tags(page).text(270)
            pixels, more = grey.settled(pixels)
        except MemoryError:
            raise UnsupportedFormat(f"{path}: too large for this computer's memory; crop it") from None
        except NotImplementedError as error:
            raise UnsupportedFormat(f"{path}: a rare kind of TIFF ({error}); save it as an uncompressed grey TIFF") from error
        except InputError:
            raise
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise UnreadableFile(f"{path}: damaged or cut-off TIFF ({reason}); copy it again from the microscope") from error
    if description.startswith(PROVENANCE):
        notes = (description.removeprefix(PROVENANCE).partition(", SHA-256")[0], *notes)
    notes = (*part_notes(part, wish, why), *notes, *more)
    return Decoded(pixels=pixels, format=f"tiff/{name}" if name else "tiff", facts=facts, notes=notes, part=part, hint=hint)


def part_notes(part: Part, wish: Wish, why: Why) -> tuple[str, ...]:
    """What to say of the page and the channel used, where there was a choice. why: that page, where none was wished for"""
    said = []
    if part.n_pages > 1:
        if wish != Wish():
            said.append(f"page {part.page} of {part.n_pages} used" + (f" ({part.detector})" if part.detector else ""))
        else:
            which_one = {
                "first": "first" if part.page == 1 else f"page {part.page}",
                "calibrated": "first" if part.page == 1 else f"page {part.page}, the calibrated one,",
                "largest": f"page {part.page}, the largest that shows the same picture,",
            }
            said.append(f"{which_one[why]} of {part.n_pages} pages used")
    if part.channel:
        said.append(f"channel {part.channel} of {', '.join(part.channels)} used")
    return tuple(said)


def open_tiff(source: File) -> Any:
    """tifffile's view of a file."""
    import tifffile

    source.stream.seek(0)
    return tifffile.TiffFile(source.stream, name=source.path.name)


def choose(source: File, file: Any, wish: Wish) -> tuple[int, str, Facts | None, Part, Why]:
    """Index of the page to use, its maker's name and facts, what part of the file it is, and why that page. Raises NoSuchPart."""
    path = source.path
    n_pages = len(file.pages)
    detectors: tuple[str, ...] = ()
    why: Why = "first"
    if wish.detector:
        shown = [i for i in range(min(n_pages, _DETECTORS_SEARCHED)) if not _is_reduced(file.pages[i])] or [0]
        told = [_facts(Tags(file.pages[i]))[1] for i in shown]
        names = unique([(f.instrument.detector or "") if f is not None else "" for f in told])
        usual = shown[which(path, "detector", names, wish.detector, usual=0)]
        detectors = tuple(n for n in names if n)
    elif wish.page:
        usual = 0
    else:
        usual, why = _usual_page(path, file, n_pages)
    channels, planes = _planes(source, usual) if wish.channel else ((), [])
    if channels:
        channel = which(path, "channel", channels, wish.channel, usual=0)
        of_channel = [int(p) for p in planes[channel]]
        index = of_channel[which_page(path, len(of_channel), wish.page)]
        part = Part(page=index + 1, n_pages=n_pages, channel=channels[channel], channels=channels)
    else:
        index = which_page(path, n_pages, wish.page, usual=usual)
        part = Part(page=index + 1, n_pages=n_pages)
    name, facts = _facts(Tags(file.pages[index]))
    detector = (facts.instrument.detector or "") if facts is not None else ""
    return index, name, facts, replace(part, detector=detector, detectors=detectors or ((detector,) if detector else ())), why


def _usual_page(path: Path, file: Any, n_pages: int) -> tuple[int, Why]:
    """The first full page, or a later one that is calibrated; and the largest where that page shows the same picture smaller, as
    thumbnails do that are not marked as such."""
    usual, why = _first_or_calibrated(file, n_pages)
    sizes = [(int(p.imagelength), int(p.imagewidth)) for p in (file.pages[i] for i in range(min(n_pages, _PAGES_SEARCHED)))]
    height, width = sizes[usual]
    larger = [i for i, (h, w) in enumerate(sizes) if h >= _MUCH_LARGER * height and w >= _MUCH_LARGER * width]
    for index in sorted(larger, key=lambda i: sizes[i], reverse=True):
        if not _is_reduced(file.pages[index]) and _same_picture(path, file.pages[usual], file.pages[index]):
            return index, "largest"
    return usual, why


def _same_picture(path: Path, small: Any, large: Any) -> bool:
    """Whether a page shows what a larger one does: by the middles of both, away from data bars, at the same size. Of one too large
    to be unpacked for that, only the form is compared."""
    shape = int(small.imagelength), int(small.imagewidth)
    n_px = int(large.imagelength) * int(large.imagewidth)
    if n_px > _COMPARED_PX:
        return abs(int(large.imagelength) * shape[1] / int(large.imagewidth) - shape[0]) < 1
    if min(shape) < _LEAST_COMPARED_PX:
        return False
    try:
        both = [np.asarray(_picture(path, p, Part(), "")[0], np.float32) for p in (small, large)]
    except (InputError, MemoryError, NotImplementedError, *DAMAGE):
        return False
    at_one_size = [cv2.resize(p, shape[::-1], interpolation=cv2.INTER_AREA) for p in both]
    y, x = (n // 5 for n in shape)
    a, b = (cv2.GaussianBlur(p, (0, 0), _COMPARED_BLUR_PX)[y:-y, x:-x].ravel() for p in at_one_size)
    if not (a.std() > 0 and b.std() > 0):
        return False
    return bool(np.corrcoef(a, b)[0, 1] > _ALIKE)


def _first_or_calibrated(file: Any, n_pages: int) -> tuple[int, Why]:
    best: int | None = None
    area = 0
    for index in range(min(n_pages, _PAGES_SEARCHED)):
        page = file.pages[index]
        if _is_reduced(page) and n_pages > 1:
            continue
        _, facts = _facts(Tags(page))
        size = int(page.imagewidth) * int(page.imagelength)
        calibrated = facts is not None and facts.instrument.pixel_size_nm is not None
        if best is None:
            best, area = index, size
        elif calibrated and size >= area:
            best = index
        if calibrated and best == index:
            return best, "calibrated"
    return best or 0, "first"


def _is_reduced(page: Any) -> bool:
    return bool(int(getattr(page, "subfiletype", 0) or 0) & _REDUCED)


def _planes(source: File, index: int) -> tuple[tuple[str, ...], list[NDArray[Any]]]:
    """Names of the channels that lie in pages of their own (ImageJ's and OME's stacks), and the pages of each; none where there
    are none."""
    with open_tiff(source) as file:  # once more, for tifffile keeps less of the pages of a series
        for series in file.series:
            axes, shape = str(series.axes), tuple(int(n) for n in series.shape)
            if "C" not in axes or axes[-2:] != "YX":
                continue
            pages = np.array([-1 if p is None else p.index for p in series.pages]).reshape(shape[:-2])
            if index not in pages or (pages < 0).any():
                continue
            planes = [p.ravel() for p in np.moveaxis(pages, axes.index("C"), 0)]
            return _channel_names(file, len(planes)), planes
    return (), []


def _channel_names(file: Any, n: int) -> tuple[str, ...]:
    root = xml(file.ome_metadata or "")
    named = [c.get("Name") or "" for c in root.iter() if str(c.tag).endswith("}Channel")] if root is not None else []
    named = named if len(named) == n else [""] * n
    return tuple(unique([name or str(i + 1) for i, name in enumerate(named)]))


def _facts(tags: Tags) -> tuple[str, Facts | None]:
    """What the first maker that knows these tags says; one that gives a pixel size before one that does not."""
    known: tuple[str, Facts | None] = ("", None)
    for maker in MAKERS:
        facts = maker.from_tiff(tags) if maker.from_tiff else None
        if facts is None:
            continue
        if facts.instrument.pixel_size_nm is not None:
            return maker.name, facts
        if known[1] is None:
            known = (maker.name, facts)
    return known


def _resolution_hint(tags: Tags) -> str:
    """What the resolution tags say, in words, where it is too fine for a print; "" where it is not."""
    unit = {2: "inch", 3: "cm"}.get(tags.value(_RESOLUTION_UNIT))
    per_unit = [tags.number(code) for code in (_Y_RESOLUTION, _X_RESOLUTION)]
    if unit is None or not all(n is not None and math.isfinite(n) and n > 0 for n in per_unit):
        return ""
    y, x = (unit_nm(unit) / n for n in per_unit if n)
    if not all(SMALLEST_NM_PER_PX <= v < _PRINT_NM_PER_PX for v in (y, x)):
        return ""
    said = f"{x:.6g} nm/px" if math.isclose(x, y, rel_tol=1e-3) else f"{y:.6g} x {x:.6g} nm/px"
    return f'the TIFF resolution tags say {said}, but most programs write a print\'s there; if it is right, give --scale "{said}"'


def check_strips(path: Path, page: Any) -> None:
    """UnreadableFile where strips or tiles lie outside the file or on top of each other: tifffile would fill in zeros."""
    end = int(page.parent.filehandle.size)
    spans = [(int(o), int(n)) for o, n in zip(page.dataoffsets, page.databytecounts, strict=False) if n]
    last = max((o + n for o, n in spans), default=0)
    if not spans or last > end:
        raise UnreadableFile(
            f"{path}: cut-off TIFF, its pixels should reach byte {last} but the file ends at {end}; "
            "copy it again from the microscope"
        )
    uncompressed = int(page.compression) == 1
    subsampled = int(page.photometric) == _YCBCR
    n_bits = int(page.imagewidth) * int(page.imagelength) * int(page.samplesperpixel) * int(page.bitspersample)
    too_few = not subsampled and sum(n for _, n in spans) * 8 < n_bits
    if uncompressed and (too_few or len({o for o, _ in spans}) < len(spans)):
        raise UnreadableFile(
            f"{path}: damaged TIFF, its table of strips does not fit the picture; copy it again from the microscope"
        )


def _picture(path: Path, page: Any, part: Part, channel: str) -> tuple[NDArray[Any], tuple[str, ...], Part]:
    """Grey levels of a page, or one of its channels, whose name then is in the part."""
    photometric, bits = int(page.photometric), int(page.bitspersample)
    if photometric == _CMYK:
        raise UnsupportedFormat(f"{path}: a TIFF in printing colours (CMYK); save it as grey or RGB")
    samples, axes = np.asarray(page.asarray()), str(page.axes)
    if not samples.size or samples.ndim != len(axes):
        raise ValueError("the picture is empty")
    notes: tuple[str, ...] = ()
    while samples.ndim > 2 and axes[0] not in "SYX":  # a volume within one page
        samples, axes, notes = samples[0], axes[1:], ("first slice used",)
    if axes == "SYX":
        samples, axes = np.moveaxis(samples, 0, -1), "YXS"
    if axes not in ("YX", "YXS"):
        raise UnsupportedFormat(f"{path}: a TIFF with the axes {axes}; save one picture as TIFF or PNG")
    orientation = int(page.tags.valueof(274) or 1) if 274 in page.tags else 1
    if orientation != 1:
        notes = (*notes, f"stored orientation {orientation} ignored; rows and columns are as in the file")
    if axes == "YX":
        which(path, "channel", (), channel, usual=0)
        if photometric == _PALETTE and page.colormap is not None:
            return _palette(samples, np.asarray(page.colormap)), notes, part
        return _grey(samples, photometric, bits), notes, part
    alpha = any(int(e) in (1, 2) for e in page.extrasamples)
    channels = channel_names(samples, has_alpha=alpha)
    part = replace(part, channels=channels)
    if channel:
        wanted = which(path, "channel", channels, channel, usual=0)
        flat, _ = one_channel(samples, wanted, has_alpha=alpha)
        return _grey(flat, photometric, bits), notes, replace(part, channel=channels[wanted] if channels else "")
    if photometric == _CIELAB or (photometric == _YCBCR and int(page.compression) not in _JPEG):
        return np.ascontiguousarray(samples[..., 0]), notes, part  # lightness or luminance stands first
    extras = tuple(int(e) for e in page.extrasamples)
    n_colours = 3 if photometric in (_RGB, _YCBCR) else 1
    if samples.shape[-1] > n_colours + 1:  # more extra samples than an alpha channel
        samples, extras = samples[..., :n_colours], ()
        notes = (*notes, "extra channels ignored")
    has_extra = samples.shape[-1] == n_colours + 1
    if has_extra and 1 not in extras and 2 not in extras:  # not said to be alpha
        samples, has_extra = samples[..., :n_colours], False
    flat, more = grey.flatten(samples, has_alpha=has_extra, premultiplied=1 in extras)
    return _grey(flat, photometric, bits), (*notes, *more), part


def _grey(pixels: NDArray[Any], photometric: int, bits: int) -> NDArray[Any]:
    if photometric == _MINISWHITE:
        pixels = grey.inverted(pixels, bits)
    return grey.stretched(pixels, bits)


def _palette(indices: NDArray[Any], colormap: NDArray[Any]) -> NDArray[Any]:
    """Indices through a (3, N) colour map of 16-bit entries (8-bit ones by careless writers) to uint8 grey."""
    eight_bit = colormap if int(colormap.max()) < 256 else colormap >> 8
    table = grey.luminance(np.moveaxis(np.asarray(eight_bit, np.uint8), 0, -1)[np.newaxis])[0]
    return np.asarray(table[np.minimum(indices, table.size - 1)])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what tifffile logs in this thread from the user's terminal: whatever matters to a result is checked here."""
    thread = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(elsewhere)


TIFF = Container(lambda head: head.startswith(_MAGIC), read, (".tif", ".tiff"))
