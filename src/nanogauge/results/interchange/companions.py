"""Pictures in a folder of micrographs that are none of their own: masks, labels, probability maps, drawings, copies.

A name alone decides nothing, as micrographs are called mask too: what a picture holds does, and the picture that it is named
after. Without such a companion only what can be no micrograph is one of these: two grey levels, or flat labels.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from .copies import copies
from .mask import smooth_edged

_LOOKED_AT = frozenset({".tif", ".tiff", ".png", ".bmp", ".gif", ".webp"})
_LOSSY = frozenset({".jpg", ".jpeg"})  # never labels; overlays and blurred masks, if named after a picture
_OWN = frozenset({"labels.tif", "labels.ome.tif", "overlay.png", "scale_bar.png", "probability.tif"})
_OWN_MARK = "measurement.json"
_WORDS = (
    r"((cp|simple|object|instance|semantic|stardist|sam|pred|gt)[ _.-]?)*"
    r"(masks?|labels?|rois?|seg|segm|segmentations?|segmented|instances?|annotations?|annotated|gt|truth|ground[ _-]?truth|binary|"
    r"thresholded|objects?|identities|classes|pred|predictions?|probs?|probabilit(y|ies)|overlays?|outlines?|contours?|flows?|"
    r"output|style|dp|drawing|watershed|detections?)"
    r"([ _.-]?(cp|overlay|outlines?|pred|binary))*[ _.-]?\d{0,3}"
)
_ENDING = re.compile(rf"(?P<stem>.+?)([ _.-]|[ _]?\(|(?<=[a-z0-9])(?=[A-Z])){_WORDS}\)?", re.IGNORECASE)
_BEGINNING = re.compile(rf"((count )?(masks?|drawing|outlines?|overlay) of |{_WORDS}[ _.-])(?P<stem>.+)", re.IGNORECASE)
_CELLPOSE = re.compile(r".+(_cp_(output|outlines|flows|style)|_flows|_flows_cp|_outlines_cp|_dP)")
_MICROSCOPES = frozenset({34118, 34680, 34682, 50431, 51023})  # tags of Zeiss, Thermo Fisher, Tescan, Fibics
_MOST_BYTES = 256_000_000
_FLAT = 0.9  # of neighbouring pixels that are equal in labels; noise leaves fewer
_MOST_PIECES = 3  # a value, in labels; a picture's levels are scattered
_FEW = 8  # values, on flat ground: no micrograph
_FAR_APART = 0.9  # of the pixels near one of two levels: a mask after lossy compression, or a probability map
_COLOURED = 25  # grey levels between the channels of a pixel that somebody drew
_MOSTLY = 0.6  # of the pixels that a drawing in grey leaves as they were
_ALIKE = 0.8  # correlation with the micrograph, off what was drawn


def no_micrographs(files: Iterable[Path], *, first: Collection[Path] = ()) -> dict[Path, str]:
    """Which pictures are no micrographs, and what they are instead: "mask of a.png", "labels", "drawing on a.tif", "copy
    of a.tif" (see `copies`).

    files: pictures of one folder; first: those of which others are the copies. What cannot be opened is not among the results.
    """
    files = list(files)
    by_stem: dict[str, list[Path]] = {}
    for f in files:
        by_stem.setdefault(_stem(f), []).append(f)
    found = {}
    for f in files:
        if f.name in _OWN and (f.parent / _OWN_MARK).is_file():
            found[f] = "made by nanogauge"
            continue
        beside = _companion(f, by_stem)
        try:
            stamp = f.stat()
            what = _kind(f, beside, stamp.st_mtime_ns, stamp.st_size)
            if what is None and beside is not None and _CELLPOSE.fullmatch(f.stem):
                what = "product of Cellpose"
        except OSError:
            continue
        if what is not None:
            found[f] = (
                what
                if beside is None
                else f"{what} {'on' if what == 'drawing' else 'beside' if what.startswith('product') else 'of'} {beside.name}"
            )
    return found | copies([f for f in files if f not in found], first=first)


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome").casefold()


def _companion(file: Path, by_stem: dict[str, list[Path]]) -> Path | None:
    """The picture that a file is named after: a.tif for a_cp_masks.png, "Mask of a.tif", labels_a.png, a.tif_mask.png."""
    stem = file.stem.removesuffix(".ome")
    for pattern in (_ENDING, _BEGINNING):
        m = pattern.fullmatch(stem)
        if m is None:
            continue
        base = m["stem"].casefold()
        for key in (base, Path(base).stem):
            others = [f for f in by_stem.get(key, []) if f != file]
            if others:
                return others[0]
    return None


@lru_cache(maxsize=65_536)
def _kind(file: Path, beside: Path | None, mtime_ns: int, n_bytes: int) -> str | None:
    """What a picture is, if it is no micrograph; kept, as a folder that is watched is looked at again and again."""
    suffix = file.suffix.lower()
    if n_bytes > _MOST_BYTES or suffix not in (_LOOKED_AT if beside is None else _LOOKED_AT | _LOSSY):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if suffix == ".png" and _is_ours(file):
                return "made by nanogauge"
            if beside is None and not _may_be_flat(file, n_bytes):
                return None
            pixels = _pixels(file)
            what = _flat_kind(pixels)
            if what is None and beside is not None:
                what = "mask" if pixels.min() == pixels.max() else _beside_kind(pixels, beside)
    except Exception:  # a file that libraries fail on in many ways is an input that will fail, with a better message
        return None
    return what


def _is_ours(file: Path) -> bool:
    """Whether a PNG is an overlay or the like that `results.figures` marked."""
    with file.open("rb") as stream:
        return b"tEXtSoftware\0nanogauge" in stream.read(256)


def _may_be_flat(file: Path, n_bytes: int) -> bool:
    """Whether it is worth unpacking: noise does not compress."""
    from PIL import Image

    with Image.open(file) as image:
        n_pixels = image.width * image.height
        packed = file.suffix.lower() not in (".tif", ".tiff", ".bmp")
    if n_bytes < 0.3 * n_pixels:
        return True
    if packed:
        return False
    with file.open("rb") as stream:
        stream.seek(n_bytes // 3)
        sample = stream.read(65_536)
    return len(zlib.compress(sample, 1)) < 0.15 * len(sample)


def _pixels(file: Path) -> NDArray[Any]:
    """(H, W) values, or (H, W, 3) colours."""
    if file.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        with tifffile.TiffFile(file) as tiff:
            page: Any = tiff.pages[0]
            if len(tiff.pages) > 16 or any(t.code in _MICROSCOPES for t in page.tags):
                raise ValueError("a stack, or what a microscope wrote")
            values = np.squeeze(page.asarray())
    else:
        from PIL import Image

        with Image.open(file) as image:
            values = np.asarray(image.convert("RGB") if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr") else image)
    if values.ndim == 3 and values.shape[2] in (3, 4):
        values = values[..., :3]
        grey = (values[..., 0] == values[..., 1]) & (values[..., 1] == values[..., 2])
        return np.asarray(values[..., 0] if grey.all() else values)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError("no picture")
    return np.asarray(values)


def _flat_kind(pixels: NDArray[Any]) -> str | None:
    """A mask or labels, by what no micrograph is."""
    if pixels.ndim == 3:
        red, green, blue = (pixels[..., k].astype(np.int64) for k in range(3))
        pixels = (red << 16) | (green << 8) | blue
    elif pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or (pixels != np.round(pixels)).any():
            return None
        pixels = pixels.astype(np.int64)
    equal = float((pixels[:, 1:] == pixels[:, :-1]).mean())
    found = np.unique(pixels)
    if len(found) < 2:
        return None
    if len(found) == 2:
        return "mask"
    if _from_black_to_white(pixels) and smooth_edged(pixels, found):
        return "mask"
    if equal < _FLAT:
        return None
    if len(found) <= _FEW:
        return "labels"
    numbered = np.searchsorted(found, pixels)
    pieces, n_pieces = measure.label(numbered, background=-1, connectivity=1, return_num=True)
    level = np.zeros(n_pieces + 1, np.int64)
    level[pieces] = numbered
    each = np.bincount(level[1:])  # how many pieces a value has; the ground may be in many
    return "labels" if each.sum() - each.max() <= _MOST_PIECES * len(found) else None


def _from_black_to_white(pixels: NDArray[Any]) -> bool:
    """Whether a picture's levels are those of masks: 0 and 255, 0 and 1; JPEG leaves them nearly so."""
    low, high = (float(v) for v in np.percentile(pixels, (0.1, 99.9)))
    if pixels.dtype.kind == "f":
        return 0 <= low < 0.05 and 0.95 < high <= 1
    return low <= 5 and any(abs(high - top) <= 0.02 * top for top in (1, 255, 65535))


def _beside_kind(pixels: NDArray[Any], beside: Path) -> str | None:
    """What a picture named after another is: a mask after lossy compression, a probability map, or a drawing on it."""
    if pixels.ndim == 2:
        if _from_black_to_white(pixels):
            low, high = np.percentile(pixels, (0.1, 99.9))
            near = (pixels < low + 0.1 * (high - low)) | (pixels > high - 0.1 * (high - low))
            if near.mean() > _FAR_APART and (pixels > (low + high) / 2).mean() > 0.001:
                return "mask"
        other = _pixels(beside)
        return "drawing" if other.shape == pixels.shape and 1 > float((other == pixels).mean()) > _MOSTLY else None
    drawn = pixels.max(2).astype(int) - pixels.min(2) > _COLOURED
    if drawn.mean() > 0.5:
        return "colour map"
    other = _pixels(beside)
    if other.ndim == 3 or drawn.mean() < 1e-4:
        return None
    w = pixels.shape[1]
    tall = round(other.shape[0] * w / other.shape[1])  # overlays may be larger or smaller, with a legend below or without the bar
    h = min(pixels.shape[0], tall)
    rows, columns = np.arange(h) * other.shape[0] // tall, np.arange(w) * other.shape[1] // w
    left = ~drawn[:h]
    ours, theirs = pixels[:h].mean(2)[left], other[np.ix_(rows, columns)][left].astype(float)
    if ours.std() == 0 or theirs.std() == 0:
        return "drawing" if ours.std() == 0 else None
    return "drawing" if float(np.corrcoef(ours, theirs)[0, 1]) > _ALIKE else None
