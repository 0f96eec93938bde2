"""Labels coloured by a column of their particle table."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps

from ...core.particles import KINDS

COLOUR_BY: dict[str, tuple[str, ...]] = {
    "number": (),
    "diameter": ("equivalent_diameter_nm", "equivalent_diameter_px"),
    "aspect ratio": ("aspect_ratio",),
    "circularity": ("circularity",),
    "confidence": ("confidence",),
    "counted or not": ("edge_weight",),
}
_COUNTED, _LEFT_OUT = ((*(c / 255 for c in KINDS[kind].colour), 1.0) for kind in ("counted", "left_out"))


def colour_labels(layer: Any, by: str) -> None:
    """Sets a measured labels layer's colours; values from their 2nd to their 98th percentile run through viridis."""
    from napari.utils.colormaps import DirectLabelColormap, label_colormap

    table = layer.features
    column = next((c for c in COLOUR_BY[by] if c in table), None)
    if column is None or not len(table):
        layer.colormap = label_colormap(seed=0.5)
        return
    values = table[column].to_numpy(np.float64)
    if by == "counted or not":
        rgba = np.where((values > 0)[:, None], _COUNTED, _LEFT_OUT)
    else:
        known = values[np.isfinite(values)]
        low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
        rgba = colormaps["viridis"](np.clip((np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12), 0, 1))
    colours: dict[Any, Any] = {int(k): c for k, c in zip(table["index"], rgba, strict=True)}
    layer.colormap = DirectLabelColormap(color_dict=colours | {0: (0, 0, 0, 0), None: (1, 1, 1, 1)})
