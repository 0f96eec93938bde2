"""Classes of particles as edited: by the settings, by what was found, and by a person, who has the last word."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.particles import has_classes
from ..core.scale import Scale
from ..measuring.classes import kept, stated, with_classes
from ..results.measurement import Measurement
from .patches import Labels
from .remeasure import decided


def classed(
    table: pd.DataFrame,
    labels: Labels,
    *,
    found: Measurement,
    probability: NDArray[np.float32] | None,
    scale: Scale | None,
    by_hand: Mapping[str, str],
) -> pd.DataFrame:
    """The table with classes, where the settings ask for them or a person gave some; else as it is.

    labels: (H, W), scale: as edited; found: as it was before; probability: (H, W), the map that outlines run along, None: along the
    labels; by_hand: label, as text, -> class
    """
    table = _by_settings(table, labels, found, probability, scale)
    if not by_hand:
        return table
    if not has_classes(table):
        table = stated(table, {})
    names = [by_hand.get(str(label)) for label in table["label"].tolist()]
    given = np.array([n is not None for n in names], bool)
    table["class"] = table["class"].where(~given, pd.Series(names, index=table.index))
    table["class_confidence"] = table["class_confidence"].where(~given, 1.0)
    return table


def stated_in(particles: pd.DataFrame) -> dict[int, str]:
    """Label -> class, of a table that may have none."""
    return dict(zip(particles["label"].tolist(), particles["class"].tolist(), strict=True)) if has_classes(particles) else {}


def _by_settings(
    table: pd.DataFrame, labels: Labels, found: Measurement, probability: NDArray[np.float32] | None, scale: Scale | None
) -> pd.DataFrame:
    """Each shape depends on the others of the micrograph, so they are told anew."""
    how = found.settings.classes
    if how.by == "labels":  # what was drawn since has none
        return stated(table, stated_in(found.particles))
    if how.by == "network":  # it is not asked again
        return kept(table, found.particles)
    along = probability if found.settings.measure.subpixel else None
    foreground = None if along is None else decided(along, labels, found.labels)
    return with_classes(table, labels, foreground=foreground, scale=scale, settings=how)
