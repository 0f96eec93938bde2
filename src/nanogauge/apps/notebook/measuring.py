"""measure, measure_many, measure_labels: from what a notebook holds to a Measurement."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ...batch.inputs import picture, said_of_left_out, sort_out
from ...core.errors import InputError, SettingsError
from ...core.micrograph import Micrograph
from ...core.scale import Scale, ScaleLike, as_scale
from ...core.settings import SegmentSettings, Settings
from ...pipeline.measure import Measurer
from ...results.interchange import Annotation
from ...results.interchange.raster import read_raster
from ...results.measurement import Measurement
from ...scale.user_scale import user_scales
from .arrays import Source, file_of, micrograph_of
from .sequence import Measurements, OnError


@overload
def measure(
    source: list[Any] | tuple[Any, ...],
    *,
    scale: ScaleLike | None = ...,
    weighting: Literal["number", "volume"] | None = ...,
    edge: Literal["steepest", "outline"] | None = ...,
    classes: Literal["shape", "rules", "network", "none"] | None = ...,
    engine: str | None = ...,
    device: str | None = ...,
    settings: Settings | None = ...,
    name: str | None = ...,
) -> Measurements: ...
@overload
def measure(
    source: str | Path | Micrograph | NDArray[Any],
    *,
    scale: ScaleLike | None = ...,
    weighting: Literal["number", "volume"] | None = ...,
    edge: Literal["steepest", "outline"] | None = ...,
    classes: Literal["shape", "rules", "network", "none"] | None = ...,
    engine: str | None = ...,
    device: str | None = ...,
    settings: Settings | None = ...,
    name: str | None = ...,
) -> Measurement: ...
def measure(
    source: Source,
    *,
    scale: ScaleLike | None = None,
    weighting: Literal["number", "volume"] | None = None,
    edge: Literal["steepest", "outline"] | None = None,
    classes: Literal["shape", "rules", "network", "none"] | None = None,
    engine: str | None = None,
    device: str | None = None,
    settings: Settings | None = None,
    name: str | None = None,
) -> Measurement | Measurements:
    """Measures the particles of a micrograph.

    Parameters
    ----------
    source : path, array, Micrograph or list
        A file the microscope wrote; an array of grey levels (H, W) or colours (H, W, 3) of any real type, bright = high, NaN
        allowed; a Pillow image; a `Micrograph`. A list of these is measured as `measure_many` does.
    scale : Scale, str, float or (float, float), optional
        "2.5 nm/px", "500 nm / 123.5 px", nm per px, nm per px in y and x, or a `Scale`. By default it is taken from a
        `nanogauge.toml` beside the file, the file's metadata, or the scale bar in the picture. Where there is none, sizes are
        in px.
    weighting : {"number", "volume"}, optional
        What the distribution counts.
    edge : {"steepest", "outline"}, optional
        Outlines at the steepest change of grey level (default), or as people draw them.
    classes : {"shape", "rules", "network", "none"}, optional
        Give each particle a class, by its outline's shape, by the rules of the settings, or as the network has learned, which one
        that has classes does unless told "none"; see `Measurement.by_class`.
    engine : str, optional
        "unet" (default), "unet-int8", "unet-resnet50-cbam", "threshold", or the path of a network of your own, FILE.onnx.
    device : str, optional
        "cpu", "cuda", ... where ONNX Runtime has it.
    settings : Settings, optional
        Every other setting; the keywords above go before it.
    name : str, optional
        What to call an array, or the sample of a list.

    Returns
    -------
    Measurement
        `Measurements` for a list.

    Raises
    ------
    InputError
        For a file or an array that is no picture.
    ScaleError
        For a scale that cannot be understood.
    SettingsError
        For an option that is out of range.
    EngineError
        For a network that cannot be loaded.

    Examples
    --------
    >>> import nanogauge
    >>> m = nanogauge.measure("examples/thermo-gold-spheres.png")
    >>> print(f"{m.distribution['d50']:.1f} {m.distribution.unit}")
    45.6 nm
    >>> by_volume = nanogauge.measure("examples/thermo-gold-spheres.png", weighting="volume")
    >>> by_volume.distribution["d50"].value > m.distribution["d50"].value
    True
    """
    settings = _settings(settings, weighting=weighting, edge=edge, classes=classes, engine=engine, device=device)
    if isinstance(source, list | tuple):
        return measure_many(source, scale=scale, settings=settings, name=name)
    return _measure(source, settings, None if scale is None else as_scale(scale), name=name)


def measure_many(
    sources: str | Path | Iterable[Source],
    *,
    scale: ScaleLike | Mapping[str, ScaleLike] | None = None,
    weighting: Literal["number", "volume"] | None = None,
    edge: Literal["steepest", "outline"] | None = None,
    classes: Literal["shape", "rules", "network", "none"] | None = None,
    engine: str | None = None,
    device: str | None = None,
    settings: Settings | None = None,
    name: str | None = None,
    on_error: OnError = "raise",
    keep: bool = True,
    progress: bool = True,
) -> Measurements:
    """Measures several micrographs of one sample, each when it is first asked for.

    Parameters
    ----------
    sources : path, glob or iterable
        A folder, a glob, or any mixture of what `measure` takes.
    scale : as for `measure`, or a mapping, optional
        One scale for all of them, or {file name: scale} for those that need one.
    weighting, edge, classes, engine, device, settings
        As for `measure`.
    name : str, optional
        Name of the sample; by default that of the folder, else "sample".
    on_error : {"raise", "warn"}
        What to do about a micrograph that cannot be measured: raise its error, or warn, leave it out and note it in `failed`.
    keep : bool
        Keep every measurement, some 40 MB for 2048 x 2048 px. False keeps the tables alone: the sample is the same, and a
        micrograph that is asked for again is measured again. For hundreds of files, run ``nanogauge measure`` and `load` its
        folder.
    progress : bool
        Show how far it has come.

    Returns
    -------
    Measurements
        A lazy sequence; its `sample` pools all of them.

    Raises
    ------
    InputError
        Where there is nothing to measure: an empty list, a folder without pictures, a glob that no file fits.

    Examples
    --------
    >>> import nanogauge
    >>> many = nanogauge.measure_many("examples/thermo-*.png", progress=False)
    >>> many
    <Measurements sample: 0 of 1 measured>
    >>> many.sample.distribution["mean"].value == many[0].distribution["mean"].value
    True
    """
    settings = _settings(settings, weighting=weighting, edge=edge, classes=classes, engine=engine, device=device)
    wanted = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = [Path(s).expanduser() for s in wanted if isinstance(s, str | Path)]
    queue: list[Source] = []
    for s in wanted:
        if not isinstance(s, str | Path):
            queue.append(s)
            continue
        files, left_out = sort_out([Path(s).expanduser()])
        if left_out:
            warnings.warn(said_of_left_out(left_out), stacklevel=2)
        queue += map(picture, files)
    if not queue:
        raise InputError("there is nothing to measure: the list is empty; give files, folders, globs or arrays")
    names = _names(queue)
    if isinstance(scale, Mapping):
        stated = {key: as_scale(value) for key, value in scale.items()}
        unknown = sorted(set(stated) - set(names))
        if unknown:
            raise InputError(
                f"a scale is given for {unknown[0]!r}, which is not among {', '.join(names[:5])}{' …' * (len(names) > 5)}"
            )
        scales = [stated.get(n) for n in names]
    else:
        scales = [None if scale is None else as_scale(scale)] * len(queue)
    beside = user_scales([s for s in queue if isinstance(s, Path)], paths, None)

    def make(k: int) -> Measurement:
        source = queue[k]
        return _measure(source, settings, scales[k] or (beside.get(source) if isinstance(source, Path) else None), name=names[k])

    if name is None:
        name = paths[0].resolve().name if len(wanted) == 1 and paths and paths[0].is_dir() else "sample"
    return Measurements(names, make, name=name, on_error=on_error, keep=keep, progress=progress)


def measure_labels(
    source: Source,
    labels: str | Path | Annotation | NDArray[Any],
    *,
    scale: ScaleLike | None = None,
    weighting: Literal["number", "volume"] | None = None,
    classes: Literal["shape", "rules", "labels"] | None = None,
    settings: Settings | None = None,
    name: str | None = None,
) -> Measurement:
    """Measures particles that were found elsewhere: by Cellpose, in Fiji or napari, or by hand.

    Parameters
    ----------
    source : path, array or Micrograph
        The micrograph, as for `measure`.
    labels : array or path
        (H, W) integers, 0 = background, each value a particle; a Boolean mask, whose 8-connected components are the particles; or
        a file: label TIFF or PNG, .npy, ImageJ ROIs (.zip, .roi), COCO, LabelMe, GeoJSON.
    classes : {"shape", "rules", "labels"}, optional
        As for `measure`, or the classes that the file gives its shapes.
    scale, weighting, settings, name
        As for `measure`.

    Returns
    -------
    Measurement
        There is no map between the pixels, so outlines run along them, and the column `confidence` is NaN.

    Raises
    ------
    InputError
        For a file or an array that cannot be used, or labels of another shape than the micrograph.
    ScaleError
        For a scale that cannot be understood.

    Examples
    --------
    >>> import nanogauge
    >>> nanogauge.measure_labels("examples/thermo-gold-spheres.png", "examples/labels/thermo-gold-spheres.tif")
    <Measurement thermo-gold-spheres.png: 63 particles (58 counted), mean 45.7 nm, median 45.4 nm>
    """
    settings = _settings(settings, weighting=weighting, classes=classes)
    stated = None if scale is None else as_scale(scale)
    if stated is None and isinstance(source, str | Path):
        stated = scale_beside(file_of(source))
    micrograph = micrograph_of(source, name=name, read=settings.read)
    if not isinstance(labels, str | Path | Annotation):
        labels = _annotation(np.asarray(labels), micrograph.shape)
    reader_only = _loaded(SegmentSettings(engine="threshold"), 0)
    return reader_only.under(settings).measure_labels(micrograph, labels, scale=stated)


def _settings(
    settings: Settings | None, *, classes: str | None = None, engine: str | None = None, device: str | None = None, **measured: Any
) -> Settings:
    """The settings with what was given as keywords laid on top."""
    if settings is not None and not isinstance(settings, Settings):
        raise SettingsError(f"settings must be a Settings, got {type(settings).__name__}; nanogauge.read_settings reads a file")
    given = (settings or Settings()).replace("classes", by=classes)
    return given.replace("segment", engine=engine, device=device).replace("measure", **measured)


def _measure(source: Source, settings: Settings, scale: Scale | None, *, name: str | None) -> Measurement:
    if isinstance(source, str | Path):
        path = file_of(source)
        return measurer_for(settings).measure(path, scale=scale or scale_beside(path))
    return measurer_for(settings).measure(micrograph_of(source, name=name), scale=scale)


def scale_beside(path: Path) -> Scale | None:
    """What a nanogauge.toml in the file's folder says."""
    return user_scales([path], [path], None).get(path)


def measurer_for(settings: Settings) -> Measurer:
    """One whose network and text reader are kept for the next call; a network's file that was written anew is loaded anew."""
    file = Path(settings.segment.engine)
    written = file.stat().st_mtime_ns if file.suffix == ".onnx" and file.is_file() else 0
    return _loaded(settings.segment, written).under(settings)


@lru_cache(maxsize=2)
def _loaded(segment: SegmentSettings, mtime_ns: int) -> Measurer:
    measurer = Measurer(Settings(segment=segment))
    _ = measurer.engine, measurer.reader  # made now, so that all those made from it share them
    return measurer


def _names(sources: list[Source]) -> list[str]:
    """What each is called: a file's name, or its path where another has the same name."""
    short = [s.name if isinstance(s, Path | Micrograph) else f"array {k}" for k, s in enumerate(sources, start=1)]
    often = Counter(short)
    return [str(s) if isinstance(s, Path) and often[n] > 1 else n for s, n in zip(sources, short, strict=True)]


def _annotation(labels: NDArray[Any], shape: tuple[int, int]) -> Annotation:
    """Labels in memory, understood as those of a .npy file are."""
    stream = io.BytesIO()
    np.save(stream, labels.astype(np.uint8) if labels.dtype == np.bool_ else labels, allow_pickle=False)
    data = stream.getvalue()
    kind, numbers, warnings = read_raster(Path("labels"), data, shape)
    return Annotation(labels=numbers, kind=kind, path=Path("labels"), sha256=hashlib.sha256(data).hexdigest(), warnings=warnings)
