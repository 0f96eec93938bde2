"""The same particles under another scale; nothing is segmented again."""

from __future__ import annotations

import pandas as pd

from ..core.errors import ScaleError
from ..core.particles import CLASS_COLUMNS, COLUMNS, column_names, has_classes
from ..core.scale import Scale
from ..detection.separate import touching
from ..measuring import measure_particles
from ..measuring.classes import ruled, with_classes
from ..scale.resolve import ScaleDecision, resolve_scale
from .measured import Measured


def under_scale(m: Measured, scale: Scale) -> tuple[ScaleDecision, pd.DataFrame]:
    """Decision and particle table under a scale that the user states.

    Raises ScaleError where the micrograph would have to be measured anew.
    """
    decision = resolve_scale(metadata=m.micrograph.scale, bar=m.scale_bar, user=scale)
    square = is_square(scale) and is_square(m.scale)
    table = multiplied(m.particles, scale) if square else _measured_again(m, scale)
    if m.settings.classes.by_rules and has_classes(table):  # a rule may ask for lengths in nm
        table = ruled(table, m.settings.classes)
    return decision, table


def is_square(scale: Scale | None) -> bool:
    """Whether shapes under the scale are those of the pixel grid."""
    return scale is None or scale.nm_per_px[0] == scale.nm_per_px[1]


def multiplied(table: pd.DataFrame, scale: Scale | None) -> pd.DataFrame:
    """The particle table where pixels are and stay square: lengths and areas in nm change, all by one factor."""
    out = table.reindex(columns=column_names(in_nm=scale is not None, classes=has_classes(table)))
    for c in COLUMNS:
        if scale is not None and c.nm_name:
            out[c.nm_name] = table[c.name] * scale.nm_per_px[0] ** (2 if c.unit == "px2" else 1)
    return out


def _measured_again(m: Measured, scale: Scale) -> pd.DataFrame:
    """Pixels are or were not square, so shapes change too."""
    if m.mosaic is not None or (m.outline == "probability_map" and m.foreground is None):
        raise ScaleError(
            f"{m.micrograph.name}: under pixels that are not square it must be measured anew; give measure() the scale"
        )
    s = m.settings.measure
    table = measure_particles(
        m.labels,
        pixels=m.micrograph.pixels,
        scale=scale,
        foreground=m.foreground,
        frame=m.frame,
        separated=touching(m.labels),
        low_confidence_below=s.low_confidence_below,
        subpixel=s.subpixel,
        least_diameter_px=s.least_diameter_px,
        largest_frame_share=s.largest_frame_share,
    )
    for column in ("confidence", "edge_weight", "flags"):
        table[column] = m.particles[column].to_numpy()
    if m.settings.classes.by == "shape":
        return with_classes(
            table, m.labels, foreground=m.foreground if s.subpixel else None, scale=scale, settings=m.settings.classes
        )
    for c in CLASS_COLUMNS if has_classes(m.particles) else ():
        table[c.name] = m.particles[c.name].to_numpy()
    return table
