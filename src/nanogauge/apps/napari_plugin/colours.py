"""Labels coloured by a column of their particle table, by their order, or by the group that they touch in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from numpy.typing import NDArray

from ...core.particles import KINDS, class_colours
from ...results.arrangement import particle_groups, with_order
from ...results.measurement import Measurement

COLOUR_BY: dict[str, tuple[str, ...]] = {
    "number": (),
    "diameter": ("equivalent_diameter_nm", "equivalent_diameter_px"),
    "aspect ratio": ("aspect_ratio",),
    "circularity": ("circularity",),
    "confidence": ("confidence",),
    "counted or not": ("edge_weight",),
    "class": ("class",),
    "order |ψ6|": ("psi6",),
    "order |ψ4|": ("psi4",),
    "direction of the lattice": ("lattice_direction_deg",),
    "grain": ("grain",),
    "aggregate": ("aggregate",),
}
_ORDER = ("psi6", "psi4", "lattice_direction_deg", "grain")
_COUNTED, _LEFT_OUT = ((*(c / 255 for c in KINDS[kind].colour), 1.0) for kind in ("counted", "left_out"))
_NONE = (0.65, 0.65, 0.65, 1.0)  # no class, no grain, alone

RGBA = NDArray[np.float64]


def colour_labels(layer: Any, by: str) -> None:
    """Sets a measured labels layer's colours, as `colours_of` has them."""
    from napari.utils.colormaps import DirectLabelColormap, label_colormap

    rgba = colours_of(layer.features, by, layer.metadata.get("measurement"))
    if rgba is None:
        layer.colormap = label_colormap(seed=0.5)
        return
    colours: dict[Any, Any] = {int(k): c for k, c in zip(layer.features["index"], rgba, strict=True)}
    layer.colormap = DirectLabelColormap(color_dict=colours | {0: (0, 0, 0, 0), None: (1, 1, 1, 1)})


def colours_of(features: pd.DataFrame, by: str, m: Measurement | None) -> RGBA | None:
    """(n, 4) colours of the particles of a features table; None where they have nothing of that kind.

    Numbers from their 2nd to their 98th percentile run through viridis, |ψ| from 0 to 1, directions through a circle of colours.
    Order and aggregates are worked out from the measurement when they are first asked for.
    """
    values = _values(features, COLOUR_BY[by], m)
    if values is None or not len(features):
        return None
    if by == "class":
        known = class_colours(values)
        return np.array([(*(c / 255 for c in known[name]), 1.0) for name in values])
    if by in ("grain", "aggregate"):
        numbers = values.fillna(0).to_numpy(np.int64)
        return np.where((numbers > 0)[:, None], colormaps["tab20"](numbers * 7 % 20), _NONE)
    at = values.to_numpy(np.float64)
    if by == "counted or not":
        return np.where((at > 0)[:, None], _COUNTED, _LEFT_OUT)
    if by == "direction of the lattice":
        period = 360 / m.order.found.fold if m is not None and m.order is not None else 60.0
        rgba = colormaps["hsv"](np.nan_to_num(at) / period % 1)
        return np.where(np.isfinite(at)[:, None], rgba, _NONE)
    known_at = at[np.isfinite(at)]
    low, high = (0.0, 1.0) if by.startswith("order") or not known_at.size else np.percentile(known_at, [2, 98])
    return np.asarray(colormaps["viridis"](np.clip((np.nan_to_num(at, nan=low) - low) / max(high - low, 1e-12), 0, 1)))


def _values(features: pd.DataFrame, names: tuple[str, ...], m: Measurement | None) -> pd.Series | None:
    """(n,) of a column, in the order of the features; None where there is none and it cannot be worked out."""
    column = next((c for c in names if c in features), None)
    if column is not None:
        return features[column]
    if m is None or not names:
        return None
    by_label: pd.Series | None = None
    if names[0] in _ORDER and m.order is not None:
        by_label = with_order(m.particles, m.order).set_index("label")[names[0]]
    elif names[0] == "aggregate" and m.aggregates is not None:
        by_label = particle_groups(m.aggregates)
    return None if by_label is None else by_label.reindex(features["index"]).reset_index(drop=True)
