"""Each particle's class: its shape, or what the rules of the settings say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.errors import SettingsError
from ..core.particles import CLASS_COLUMNS, UNSURE, Flag, has_classes, has_flag
from ..core.protocols import EngineClasses
from ..core.remarks import Remark
from ..core.rules import classes_by_rules
from ..core.scale import Scale
from ..core.settings import ClassSettings
from .learned_classes import NetworkClasses, all_shapes, class_probabilities, is_told, like_none, tempered
from .rings import rings_of
from .run_lengths import Floats, boxes_of, find_runs, index_image
from .shape_classes import SHAPES, among_others, shape_probabilities

_BY_CHANCE = 0.05  # of the particles of taught classes are taken for none of them
_CUT = Flag.TOUCHES_BORDER | Flag.TOUCHES_DATA_BAR


def with_classes(
    table: pd.DataFrame,
    labels: NDArray[np.integer[Any]],
    *,
    foreground: NDArray[np.floating[Any]] | None,
    scale: Scale | None,
    settings: ClassSettings,
    network: NetworkClasses | None = None,
) -> pd.DataFrame:
    """The particle table with the columns `class` and `class_confidence` where the settings ask for them, else as it is.

    labels: (H, W) as measured; foreground: (H, W), the map that outlines run along, None: along the labels; scale: where a pixel
    is not square, shapes are those of the specimen; network: what it says, asked for where it is to decide
    """
    if not settings.wanted:
        return table
    if settings.by_rules:
        return ruled(table, settings)
    if settings.by == "labels":
        return stated(table, {})
    if settings.by == "network":
        if network is None:
            raise SettingsError('[classes] by = "network", but there is no network that has found the particles; measure them')
        shapes = shapes_seen(labels, foreground=foreground, scale=scale) if network.known.outlines else None
        return learned(table, network.seen[table["label"].to_numpy(np.int64)], shapes, network.known, settings)
    return shaped(table, shapes_seen(labels, foreground=foreground, scale=scale), settings)


def ruled(table: pd.DataFrame, settings: ClassSettings) -> pd.DataFrame:
    """The table with the classes of the rules."""
    return _joined(table, *classes_by_rules(table, settings.rules))


def stated(table: pd.DataFrame, classes: Mapping[int, str]) -> pd.DataFrame:
    """The table with classes that somebody gave, by label; "" and NaN where a particle has none."""
    names = [classes.get(label, "") for label in table["label"].tolist()]
    return _joined(table, names, np.array([1.0 if n else np.nan for n in names], np.float64))


def learned(
    table: pd.DataFrame, seen: Floats, shapes: Floats | None, known: EngineClasses, settings: ClassSettings
) -> pd.DataFrame:
    """The table with the likeliest classes of a network, given what else the micrograph shows; "unsure" where none is likely, and,
    with a confidence of NaN, where the outline is like none that the network was taught.

    seen, shapes: (n, ...) in the table's order, as in `class_probabilities`
    """
    if shapes is not None:  # a cut particle shows only a part of its outline
        shapes = np.where(has_flag(table, _CUT)[:, None], np.nan, shapes)
    p, strange = said_by_network(seen, shapes, known)
    sure = np.where(strange, np.nan, p.max(axis=1)) if len(p) else np.zeros(0)
    names = np.array(known.names, object)[p.argmax(axis=1)] if len(p) else np.zeros(0, object)
    names[~(sure >= settings.unsure_below) | ~is_told(p)] = UNSURE
    return _joined(table, [str(n) for n in names], sure)


def said_by_network(seen: Floats, shapes: Floats | None, known: EngineClasses) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, K) calibrated probabilities of the particles of one micrograph, given all of them, and (n,) whether one is like none of
    the classes, which then says nothing of the others. All are alike where nothing is told of a particle.

    Shares in the micrograph count where the classes are shapes. Of other classes they do not: a class that is told half-heartedly,
    if rightly, would be swallowed by a commoner one.
    """
    p = class_probabilities(seen, shapes, known)
    strange = like_none(shapes, known)
    if strange is None:
        strange = np.zeros(len(p), np.bool_)
    told = is_told(p)
    if all_shapes(known) and told.any():
        p[told] = among_others(p[told], ~strange[told])
    # the temperature comes last: it says how sure a class is, and must not change which it is
    return tempered(p, known.temperature), strange


def like_none_warnings(table: pd.DataFrame, settings: ClassSettings) -> tuple[Remark, ...]:
    """A warning where more particles are like none of the classes that the network was taught than taught ones would be by
    chance."""
    if settings.by != "network" or settings.by_rules or not has_classes(table):
        return ()
    name, sure = (table[c.name] for c in CLASS_COLUMNS)
    n, strange = len(table), int(((name == UNSURE) & sure.isna()).sum())
    usual = max(_BY_CHANCE * n, 1.0)
    if strange <= usual + 2 * math.sqrt(usual):
        return ()
    said = f"{strange} of {n} particles look like none of the classes that the network was taught and are called {UNSURE}"
    return (Remark("like_none", f"{said}: look at the overlay, and teach it their class"),)


def kept(table: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The table with the classes that its particles had before, by label; "unsure" where one was not there."""
    of = before.set_index("label")
    names, sure = (of[c.name].reindex(table["label"]) for c in CLASS_COLUMNS)
    return _joined(table, [UNSURE if pd.isna(n) else str(n) for n in names], sure.to_numpy(np.float64))


def shapes_seen(labels: NDArray[np.integer[Any]], *, foreground: NDArray[np.floating[Any]] | None, scale: Scale | None) -> Floats:
    """(n, len(SHAPES)) probabilities of each particle's shape, in order of label; NaN where it is too small to have one."""
    runs = find_runs(labels)
    p = np.full((runs.n, len(SHAPES)), np.nan)
    if not runs.n:
        return p
    rings, there = rings_of(index_image(runs, (labels.shape[0], labels.shape[1])), boxes_of(runs), foreground)
    if scale is not None and scale.nm_per_px[0] != scale.nm_per_px[1]:
        rings = rings * (np.array(scale.nm_per_px) / np.sqrt(np.prod(scale.nm_per_px)))
    p[there] = shape_probabilities(rings[there])
    return p


def shaped(table: pd.DataFrame, seen: Floats, settings: ClassSettings) -> pd.DataFrame:
    """The table with the likeliest shapes, given what else the micrograph shows; "unsure" where none is likely enough."""
    known = ~np.isnan(seen[:, 0])
    p = np.zeros_like(seen)
    # a particle that the frame cuts shows only a part of its outline, and a straight side that it has not
    known &= ~has_flag(table, _CUT)
    p[known] = among_others(seen[known])
    names, sure = np.array(SHAPES, object)[p.argmax(axis=1)], np.where(known, p.max(axis=1), np.nan)
    names[~(sure >= settings.unsure_below)] = UNSURE
    return _joined(table, [str(n) for n in names], sure)


def _joined(table: pd.DataFrame, names: list[str], sure: Floats) -> pd.DataFrame:
    out = table.copy()
    for column, values in zip(CLASS_COLUMNS, (names, sure), strict=True):
        out[column.name] = pd.Series(values, index=table.index, dtype=column.dtype)
    return out
