"""Which annotation belongs to which micrograph, by the customs of the programs that write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from ...core.errors import AnnotationError, UnreadableFile
from .names import keys
from .read import is_yolo_file, pictures_of

PICTURE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})
_IMAGE_FOLDERS = ("images", "image", "imgs", "micrographs", "raw")
_LABEL_FOLDERS = (
    "labels", "label", "masks", "mask", "annotations", "annotation", "instances", "rois", "gt", "ground_truth", "truth", "json",
)  # fmt: skip
_ENDINGS = tuple(
    sep + word
    for word in (
        "labels",
        "label",
        "masks",
        "mask",
        "cp_masks",
        "instances",
        "rois",
        "roi",
        "roiset",
        "annotations",
        "gt",
        "seg",
        "simple segmentation",
        "object identities",
    )
    for sep in ("_", "-", ".")
)
_LABEL_SUFFIXES = (
    ".tif", ".tiff", ".png", ".bmp", ".zip", ".roi", ".json", ".geojson", ".npy", ".npz", ".h5", ".hdf5", ".xml", ".csv", ".txt",
)  # fmt: skip  # the first wins
_DRAWN_SUFFIXES = (".zip", ".roi", ".json", ".geojson", ".npz", ".txt")  # these are never micrographs
_OF_MANY = (".json", ".xml", ".csv")
_BYPRODUCTS = ("_cp_outlines", "_flows", "_overlay", "_outlines", "_prob", "_probabilities")
_IN_RESULTS = ("labels.tif", "rois.zip")


def find_annotations(
    folder: str | Path,
    annotations: str | Path | None = None,
    *,
    picture_suffixes: Collection[str] = PICTURE_SUFFIXES,
    wanted: Path | None = None,
) -> dict[Path, Path | None]:
    """Micrograph -> its annotation file, None where there is none; micrographs in order of name.

    The first of those that `all_annotations` finds for each, which see.
    """
    found = all_annotations(folder, annotations, picture_suffixes=picture_suffixes, wanted=wanted)
    return {picture: files[0] if files else None for picture, files in found.items()}


def all_annotations(
    folder: str | Path,
    annotations: str | Path | None = None,
    *,
    picture_suffixes: Collection[str] = PICTURE_SUFFIXES,
    wanted: Path | None = None,
) -> dict[Path, list[Path]]:
    """Micrograph -> the annotation files that are its own, the one that counts first; micrographs in order of name.

    folder: micrographs, with annotations beside them (ID_labels.tif, ID_masks.png, ID_cp_masks.png, ID_mask.tif, ID.zip,
        ID_RoiSet.zip, ID.json, ID.geojson ...) or in a folder labels/, masks/, annotations/, rois/ ... within or beside it
        (there also ID.tif, ID.png); or a folder that holds images/ and such a folder. One file for all (COCO, VIA, Label Studio,
        CVAT) is found in any of these places. RoiSet.zip belongs to the only micrograph of a folder
    annotations: where to look instead: a folder, a results folder of nanogauge, or one file for all
    picture_suffixes: what is a picture, in lower case; wanted: the one picture that is asked for, instead of all

    Which file wins where there are several: TIFF, PNG, BMP, ROI zip, .roi, JSON, GeoJSON, .npy, .npz, HDF5, YOLO, in this order.
    Raises UnreadableFile where a folder is missing, AnnotationError where no micrograph has an annotation, where one may have two
    files for all, or where a file may belong to two micrographs.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnreadableFile(f"{folder}: not a folder; give a folder of micrographs")
    images = next((p for name in _IMAGE_FOLDERS for p in _children(folder) if p.is_dir() and p.name.lower() == name), folder)
    place = None if annotations is None else Path(annotations)
    if place is not None and not place.exists():
        raise UnreadableFile(f"{place}: no such file or folder; check the path")
    inside = _files(images)
    if place is not None:
        separate = [place] if place.is_dir() else []
    else:
        around = [images, folder, *([folder.parent] if folder.name.lower() in _IMAGE_FOLDERS else [])]
        separate = [p for base in around for p in _children(base) if p.is_dir() and p.name.lower() in _LABEL_FOLDERS]
        separate = list(dict.fromkeys(separate))
    beside = inside if place is None or place == images else []
    pictures = _micrographs(inside, picture_suffixes, beside=place is None or place == images)
    apart = [p for base in separate for p in _files(base)]
    results = {p.name: p for base in separate for p in _children(base) if p.is_dir()}
    loose = [place] if place is not None and place.is_file() else [*apart, *beside, *_files(folder), *_files(images.parent)]
    of_many = _index(dict.fromkeys(p for p in loose if p.suffix.lower() in _OF_MANY), {p.stem for p in pictures})
    found: dict[Path, list[Path]] = {}
    surest: dict[tuple[Path, str], dict[Path, int]] = {}  # a file, a stem -> pictures of that stem, and how sure each is the one
    for picture in (p for p in pictures if wanted is None or p.resolve() == wanted.resolve()):
        own = [*_named(picture, apart, bare=True), *_named(picture, beside, bare=False)]
        level = 0 if own and _stem(own[0]).lower().startswith(picture.name.lower()) else 1
        if not own and picture.stem in results:
            own = [p for name in _IN_RESULTS if (p := results[picture.stem] / name).is_file()][:1]
        if not own:
            level, speaking = next(((k[0], of_many[k]) for k in enumerate(keys(picture.name)) if k in of_many), (1, []))
            own = _only(picture, speaking)
        if not own and len(pictures) == 1:
            own = [p for p in [*apart, *beside] if p.name.lower() == "roiset.zip"][:1]
        found[picture] = list(dict.fromkeys(own))
        if own:
            surest.setdefault((own[0], _stem(picture).casefold()), {})[picture] = level
    for (file, _), of in surest.items():
        sure = [p for p, level in of.items() if level == min(of.values())]
        if len(sure) > 1:
            names = " and ".join(p.name for p in sure[:3])
            raise AnnotationError(
                f"{file}: may belong to {names}; if they are one picture keep one of them, else import each by itself"
            )
        found |= {p: [] for p in of if p not in sure}
    if not pictures:
        raise AnnotationError(f"{images}: no pictures in this folder; looked for {', '.join(sorted(picture_suffixes))}")
    if wanted is None and not any(found.values()):
        where = place or folder
        example = f"{pictures[0].stem}_labels.tif, {pictures[0].stem}.zip or {pictures[0].stem}.json"
        raise AnnotationError(
            f"{where}: no annotation fits a micrograph of {images} (the first is {pictures[0].name}); name them {example}, "
            f"or put them into a folder labels beside images"
        )
    return found


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _files(folder: Path) -> list[Path]:
    return [p for p in _children(folder) if not p.is_dir() and not p.name.startswith(".")]


def _stem(path: Path) -> str:
    """The stem; of ID.ome.tif too."""
    return path.stem.removesuffix(".ome")


def _micrographs(files: list[Path], suffixes: Collection[str], *, beside: bool) -> list[Path]:
    """The pictures, without label pictures and other products named after a picture."""
    pictures = [p for p in files if p.suffix.lower() in suffixes]
    stems = {name.lower() for p in pictures for name in (_stem(p), p.name)}

    def derived(stem: str) -> bool:
        low = stem.lower()
        return any(low.endswith(e) and low[: -len(e)] in stems for e in (*(_ENDINGS if beside else ()), *_BYPRODUCTS))

    return [p for p in pictures if not derived(_stem(p))]


def _named(picture: Path, files: Iterable[Path], *, bare: bool) -> list[Path]:
    """The files named after a picture, by the order of suffixes; `bare`: ID.tif and ID.png count too."""
    plain = {_stem(picture).lower(), picture.name.lower()}
    named = {base + ending for base in plain for ending in _ENDINGS} | {f"roiset_{_stem(picture).lower()}"}
    candidates = []
    for p in files:
        suffix, stem = p.suffix.lower(), _stem(p).lower()
        if suffix not in _LABEL_SUFFIXES or p == picture:
            continue
        if stem in named or (stem in plain and (bare or suffix in _DRAWN_SUFFIXES)):
            if suffix in (".txt", ".csv") and not is_yolo_file(p):
                continue  # what a microscope wrote, or a table
            candidates.append((stem.endswith("_seg") and suffix != ".npy", _LABEL_SUFFIXES.index(suffix), p.name, p))
    return [c[-1] for c in sorted(candidates)]


def _index(files: Iterable[Path], stems: set[str]) -> dict[tuple[int, str], list[Path]]:
    """How a picture may be named, surest first -> the files that speak of it. Files named after a micrograph are its own."""
    index: dict[tuple[int, str], list[Path]] = {}
    for path in files:
        if path.stem not in stems:
            for key in {k for name in pictures_of(path) for k in enumerate(keys(name))}:
                index.setdefault(key, []).append(path)
    return index


def _only(picture: Path, files: list[Path]) -> list[Path]:
    """The file that speaks of a picture, if one does. Raises AnnotationError where there are several."""
    if len(files) > 1:
        names = ", ".join(str(p) for p in files[:3])
        raise AnnotationError(f"{picture}: {len(files)} files speak of it ({names}); give the right one as second argument")
    return files
