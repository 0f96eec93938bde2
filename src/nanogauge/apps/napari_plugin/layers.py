"""Between nanogauge and napari: what was read or measured as layers, and a layer as what can be measured.

Layers are handed over as napari's LayerData, (data, attributes, type), and read by their attributes, so nothing here needs napari.
Every layer of a micrograph has the same scale and units: nm where the scale is known, pixels where it is not.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import InputError, ScaleError, UnsupportedFormat
from ...core.micrograph import Micrograph
from ...core.scale import Scale, format_length, unit_nm
from ...reading import METADATA_RELATIVE_UNCERTAINTY, MOSAIC_PX
from ...reading.grey import flatten, settled
from ...results.measurement import Measurement
from ...scale.bar import ScaleBarReading
from ...scale.resolve import ScaleDecision

LayerData = tuple[Any, dict[str, Any], str]
_BAR, _DATA_BAR = "#56b4e9", "#e69f00"  # Okabe and Ito's sky blue and orange, told apart by colour-blind eyes


def transform(scale: Scale | None) -> dict[str, Any]:
    """`scale` and `units` of a layer; napari's scale bar follows them."""
    if scale is None:
        return {"scale": (1.0, 1.0), "units": ("pixel", "pixel")}
    return {"scale": scale.nm_per_px, "units": ("nm", "nm")}


def image_layer(micrograph: Micrograph) -> LayerData:
    """The picture, scaled by the file's own statement. `metadata["nanogauge"]` holds what was read, `metadata["micrograph"]` the
    Micrograph itself."""
    metadata = {"nanogauge": facts(micrograph), "micrograph": micrograph}
    attributes = {"name": micrograph.name, "colormap": "gray", "metadata": metadata, **transform(micrograph.scale)}
    return micrograph.pixels, attributes, "image"


def facts(micrograph: Micrograph) -> dict[str, Any]:
    """What was read from the file, in plain values: the instrument, the data bar's first row, the scale stated, the hash."""
    scale = micrograph.scale
    return {
        "file": None if micrograph.path is None else str(micrograph.path),
        "format": micrograph.format,
        "sha256": micrograph.sha256,
        "instrument": asdict(micrograph.instrument),
        "data_bar_first_row": micrograph.instrument.data_bar_first_row,
        "metadata_nm_per_px_y_x": None if scale is None else list(scale.nm_per_px),
        "notes": list(micrograph.notes),
    }


def labels_layer(m: Measurement, found: Measurement | None = None) -> LayerData:
    """The labels with the particle table as `features`; column `index` is the label, by which napari finds a row.

    `metadata["measurement"]` is the Measurement, `metadata["found"]` that before any edit.
    """
    attributes = {
        "name": f"{m.micrograph.name}: particles",
        "features": features(m.particles),
        "metadata": labels_metadata(m, found or m),
        "opacity": 0.5,
        **transform(m.scale),
    }
    return m.labels.copy(), attributes, "labels"


def labels_metadata(m: Measurement, found: Measurement) -> dict[str, Any]:
    """Metadata of a labels layer: figures in plain values under "nanogauge", and the measurements themselves."""
    about = m.to_dict()
    kept = ("file", "status", "message", "scale", "n_particles", "n_border", "distribution", "operator_edits", "version")
    return {"nanogauge": {k: about[k] for k in kept}, "measurement": m, "found": found}


def features(table: pd.DataFrame) -> pd.DataFrame:
    """The particle table for napari: `index` first; where a length is known in nm, not in px too; columns that are empty are
    left out."""
    columns = [str(c) for c in table]
    twins = {c for c in columns if c.endswith(("_px", "_px2")) and c.replace("_px", "_nm") in table}
    kept = [c for c in columns if c != "label" and c not in twins and not (len(table) and table[c].isna().all())]
    return pd.concat([table["label"].rename("index"), table[kept]], axis=1).reset_index(drop=True)


def marks_layer(
    micrograph: Micrograph, *, bar: ScaleBarReading | None, frame: tuple[int, int, int, int], scale: Scale | None
) -> LayerData | None:
    """A shapes layer with the scale bar that was read and the data bar that was left out; None where there is neither.

    Its `features` name each shape (`what`) and say what was read (`text`). Boxes run along pixel edges.
    """
    shapes: list[tuple[str, str, NDArray[np.float64]]] = []
    if bar is not None and bar.box is not None:
        text = f"{bar.text}, {bar.length_px:.1f} px" if bar.length_px is not None else bar.text
        shapes.append(("scale bar", f"{text} (not used: {bar.refused})" if bar.refused else text, _rectangle(bar.box)))
    (h, w), (y0, x0, y1, x1) = micrograph.shape, frame
    for box in ((0, 0, y0, w), (y1, 0, h, w), (y0, 0, y1, x0), (y0, x1, y1, w)):
        if box[2] > box[0] and box[3] > box[1]:
            shapes.append(("data bar", "not measured", _rectangle(box)))
    if not shapes:
        return None
    what, texts, data = ([s[k] for s in shapes] for k in range(3))
    shown = [x if k == "scale bar" else "" for k, x in zip(what, texts, strict=True)]
    right = bar is not None and bar.box is not None and bar.box[1] + bar.box[3] > w
    anchor = "upper_right" if right else "upper_left"  # the text grows towards the middle of the picture
    colours = [_BAR if k == "scale bar" else _DATA_BAR for k in what]
    attributes = {
        "name": f"{micrograph.name}: scale bar",
        "shape_type": "rectangle",
        "features": pd.DataFrame({"what": what, "text": texts, "shown": shown}),
        "text": {"string": "{shown}", "color": colours, "size": 11, "anchor": anchor, "translation": (-4, 0)},
        "edge_color": colours,
        "face_color": "transparent",
        "opacity": 1.0,
        "edge_width": max(min(micrograph.shape) / 400, 1.0),
        "metadata": {"nanogauge": None if bar is None else bar.to_dict(), "marks_of": micrograph},
        **transform(scale),
    }
    return data, attributes, "shapes"


def same_picture(a: Any, b: Any) -> bool:
    """Whether two Micrographs hold the same pixels; False for anything else."""
    return isinstance(a, Micrograph) and isinstance(b, Micrograph) and (a is b or np.array_equal(a.pixels, b.pixels))


def _rectangle(box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """(4, 2) corners of a half-open box, where pixel centres are at integers."""
    y0, x0, y1, x1 = (v - 0.5 for v in box)
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])


def micrograph_of(layer: Any) -> Micrograph:
    """What an image layer shows, ready to measure: the Micrograph it was read as, if its pixels are still the same, else its
    pixels with the scale that the layer states in units of length.

    Raises UnsupportedFormat for stacks and pictures too large for memory, InputError where there are no grey levels.
    """
    pixels = np.asarray(layer.data[0] if getattr(layer, "multiscale", False) else layer.data)
    known = layer.metadata.get("micrograph")
    if isinstance(known, Micrograph) and known.pixels.shape == pixels.shape and np.array_equal(known.pixels, pixels):
        return known
    name = str(layer.name)
    if getattr(layer, "rgb", False):
        pixels, _ = flatten(pixels, has_alpha=pixels.shape[-1] == 4)
    pixels = pixels.reshape(pixels.shape[-2:]) if pixels.ndim > 2 and set(pixels.shape[:-2]) == {1} else pixels
    if pixels.ndim != 2 or pixels.size == 0:
        raise UnsupportedFormat(f"{name}: a layer of shape {pixels.shape}; show one picture (height, width) in a layer of its own")
    if pixels.size >= MOSAIC_PX:
        seen = f"{pixels.shape[1]} x {pixels.shape[0]} px"
        raise UnsupportedFormat(f"{name}: {seen} is too large here; measure it with `nanogauge measure`")
    try:
        grey, notes = settled(pixels)
    except ValueError as error:
        raise InputError(f"{name}: {error}; choose a layer of grey levels") from error
    scale = stated_scale(layer.scale, getattr(layer, "units", ()))
    said = "scale taken from the napari layer" if scale is not None else ""
    path = getattr(getattr(layer, "source", None), "path", None)
    return Micrograph(
        pixels=grey,
        name=name,
        format="napari layer",
        scale=scale,
        notes=tuple(n for n in (*notes, said, f"layer opened from {path}, not by nanogauge" if path else "") if n),
    )


def stated_scale(scale: Any, units: Any) -> Scale | None:
    """The scale that a layer's `scale` and `units` state; None where the units are no lengths (napari's default is pixel)."""
    try:
        y, x = (float(s) * unit_nm(str(u)) for s, u in zip(scale[-2:], units[-2:], strict=True))
        return Scale((y, x), METADATA_RELATIVE_UNCERTAINTY, "metadata")
    except (ScaleError, TypeError, ValueError):
        return None


def scale_text(decision: ScaleDecision, bar: ScaleBarReading | None) -> str:
    """The scale used and where it is from, in one line."""
    scale = decision.scale
    if scale is None:
        return "no scale: sizes are in px"
    sources = {"metadata": "from the file's metadata", "scale_bar": "from the scale bar", "user": "as you stated"}
    where = sources.get(decision.source, decision.source)
    if decision.source == "scale_bar" and bar is not None and bar.length_px is not None and bar.value_nm is not None:
        where += f", {format_length(bar.value_nm)} over {bar.length_px:.1f} px"
    y, x = scale.nm_per_px
    value = f"{x:.5g} nm/px" if scale.is_square else f"{y:.5g} x {x:.5g} nm/px (y x x)"
    return f"{value}, {where} (± {100 * scale.relative_uncertainty:.2g} %)"
