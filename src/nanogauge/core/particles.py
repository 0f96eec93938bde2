"""The registry of columns and flags: CSV header, docs, web table and dtypes all come from here."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the particle table. `unit` "px" or "px2" turns into nm or nm2 under `nm_name` where a scale is known.
    `source`: the standard or paper that defines it."""

    name: str
    unit: str
    dtype: str
    meaning: str
    nm_name: str | None = None
    source: str = ""


def _length(name: str, meaning: str, source: str = "") -> Column:
    return Column(f"{name}_px", "px", "float64", meaning, f"{name}_nm", source)


def _ratio(name: str, meaning: str, source: str = "", unit: str = "") -> Column:
    return Column(name, unit, "float64", meaning, None, source)


_ISO = "ISO 9276-6"

COLUMNS: tuple[Column, ...] = (
    Column("label", "", "int64", "value of the particle's pixels in labels.tif"),
    Column("y", "px", "float64", "centroid, rows from the top, pixel centres at integers"),
    Column("x", "px", "float64", "centroid, columns from the left"),
    Column(
        "area_px2", "px2", "float64", "A, area within the outline; the number of pixels where only labels are known", "area_nm2"
    ),
    _length("equivalent_diameter", "diameter of the circle of the same area, √(4A/π)", _ISO),
    _length("equivalent_diameter_inner", "the same with the outline at probability 0.7; NaN where there is no map"),
    _length("equivalent_diameter_outer", "the same with the outline at probability 0.3; NaN where there is no map"),
    _length("feret_max", "largest distance between parallel tangents to the outline, by rotating calipers on its hull", _ISO),
    _length("feret_min", "smallest distance between parallel tangents to the outline", _ISO),
    _length("feret_90", "distance between the tangents parallel to the direction of feret_max", _ISO),
    _length("feret_mean", "mean Feret diameter over all directions, hull perimeter / π (Cauchy)", _ISO),
    _length("axis_major", "long axis of the ellipse of the same second moments (Legendre ellipse)", _ISO),
    _length("axis_minor", "short axis of that ellipse", _ISO),
    _length("perimeter", "P, by Crofton's formula in four directions", "Legland et al. 2007"),
    _length("inscribed_diameter", "diameter of the largest circle within the outline", _ISO),
    _length("circumscribed_diameter", "diameter of the smallest circle round the outline", _ISO),
    _length("geodesic_length", "long side of the rectangle of area A and perimeter P, for fibres; NaN where P² < 16A", _ISO),
    _length("geodesic_thickness", "short side of that rectangle", _ISO),
    _length("nearest_neighbour_distance", "from the centroid to the nearest other one, particles left out included"),
    _ratio("aspect_ratio", "feret_min / feret_max, at most 1", _ISO),
    _ratio("circularity", "√(4πA) / P, 1 for a disc; above 1 the particle has too few pixels for it", _ISO),
    _ratio("form_factor", "4πA / P², which ImageJ calls circularity", _ISO),
    _ratio("roundness", "4A / (π feret_max²)", _ISO),
    _ratio("compactness", "√(4A/π) / feret_max", _ISO),
    _ratio("solidity", "A over the area of the convex hull, at most 1", _ISO),
    _ratio("convexity", "perimeter of the convex hull / P", _ISO),
    _ratio("ellipse_residual", "share of A outside the ellipse of the same area, centre, axis ratio and direction"),
    _ratio("orientation_deg", "angle of the long axis from the x axis, counter-clockwise, -90 to 90", "", "deg"),
    _ratio("mean_grey", "mean grey level of the particle's pixels"),
    _ratio("local_contrast", "mean grey less that of a ring of background round the particle, over the ring's standard deviation"),
    _ratio(
        "confidence",
        "how likely the particle is one that a careful person would draw (IoU ≥ 0.5), calibrated; 1 where the operator drew it; "
        "with engines other than the network the mean foreground probability",
    ),
    _ratio("edge_weight", "HW / ((H - h)(W - w)), at most 10; 0 for a particle left out", "Miles 1974, Lantuéjoul 1980"),
    Column("flags", "", "str", "flag names joined by |; empty where there is nothing to say"),
)
CLASS_COLUMNS: tuple[Column, ...] = (
    Column("class", "", "str", "its shape, or the class that a rule or an annotation gives it; `unsure` where that is not clear"),
    _ratio(
        "class_confidence",
        "how likely it is of that class; 1 where a rule or an annotation says so; NaN where what decides is not known",
    ),
)
"""Columns that stand in the table where classes are asked for."""
UNSURE = "unsure"
"""The class of a particle of which it is not clear."""

ORDER_COLUMNS: tuple[Column, ...] = (
    _ratio("psi4", "|ψ4|, 1 in a perfect square lattice, about 0.4 at random", "Mickel et al. 2013"),
    _ratio("psi6", "|ψ6|, 1 in a perfect hexagonal lattice, about 0.4 at random", "Nelson & Halperin 1979, Mickel et al. 2013"),
    _ratio("lattice_direction_deg", "direction of the lattice round the particle, counter-clockwise from the x axis", "", "deg"),
    _ratio("n_neighbours", "coordination number; NaN where the frame or a hole hides neighbours"),
    Column(
        "voronoi_area_px2", "px2", "float64", "area of the Voronoi cell; NaN where the frame hides some of it", "voronoi_area_nm2"
    ),
    Column("grain", "", "int64", "number of the grain, as in grains.csv; 0 for none"),
)
"""Columns that follow those above where order was asked for (`[arrangement] order = true`)."""


class Flag(IntFlag):
    """What there is to say of a particle. The names, in lower case, stand in the column `flags`."""

    TOUCHES_BORDER = 1
    TOUCHES_DATA_BAR = 2
    LOW_CONFIDENCE = 4
    SEPARATED = 8
    TOO_SMALL = 16
    TOO_LARGE = 32
    OVERLAPPED = 64
    EDITED = 128
    ACCEPTED = 256
    EXCLUDED = 512
    FILTERED = 1024
    NO_EDGE = 2048
    LEFT_OUT_BY_HAND = 4096


@dataclass(frozen=True, slots=True)
class FlagEntry:
    """What the names of a flag are, and what follows from it.

    meaning: in a sentence, for the docs; short: beside a particle on the page
    reason: why a particle was left out, for reports; "" where it is not
    by_hand: the reason is the operator's, named only where there are such particles
    """

    meaning: str
    short: str
    reason: str = ""
    by_hand: bool = False


FLAGS: dict[Flag, FlagEntry] = {
    Flag.TOUCHES_BORDER: FlagEntry("cut by the frame; left out of the distribution", "cut by the frame", "cut by the frame"),
    Flag.TOUCHES_DATA_BAR: FlagEntry(
        "cut by the data bar, or by padding above or below the picture; left out of the distribution",
        "cut by the data bar",
        "cut by the data bar",
    ),
    Flag.LOW_CONFIDENCE: FlagEntry("the network was unsure here; look before you trust it", "unsure"),
    Flag.SEPARATED: FlagEntry("touched a neighbour and was separated from it", "separated"),
    Flag.TOO_SMALL: FlagEntry(
        "smaller than the size window of the settings; left out of the distribution", "too small", "below the size window"
    ),
    Flag.TOO_LARGE: FlagEntry(
        "larger than the size window of the settings; left out of the distribution", "too large", "above the size window"
    ),
    Flag.OVERLAPPED: FlagEntry("drawn elsewhere, partly under a smaller shape, which was given the common pixels", "overlapped"),
    Flag.EDITED: FlagEntry("drawn or changed by the operator", "by hand"),
    Flag.ACCEPTED: FlagEntry("looked at and accepted by the operator", "accepted"),
    Flag.EXCLUDED: FlagEntry(
        "in an area that the operator excluded, or cut by its edge; left out of the distribution",
        "excluded area",
        "in an area the operator excluded",
        by_hand=True,
    ),
    Flag.FILTERED: FlagEntry(
        "left out of the distribution by the operator's filter of circularity or confidence",
        "filtered out",
        "left out by the operator's filter",
        by_hand=True,
    ),
    Flag.LEFT_OUT_BY_HAND: FlagEntry(
        "seen by the operator and left out of the distribution, as one that is covered or cannot be measured",
        "left out by you",
        "left out by the operator, one by one",
        by_hand=True,
    ),
    Flag.NO_EDGE: FlagEntry(
        "shows no edge of its own in the grey levels: its outline was moved as the micrograph's others were", "no edge"
    ),
}
LEFT_OUT = tuple(flag for flag, entry in FLAGS.items() if entry.reason)
"""The flags of particles that the distribution leaves out."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How particles are told apart in pictures: its name in the legend, colour (red, green, blue) of Okabe & Ito, told apart by
    colour-blind readers; the same lightened, for a dark picture; length of dashes in line widths, 0 for a whole line."""

    caption: str
    colour: tuple[int, int, int]
    on_dark: str
    dash: float = 0.0


KINDS: dict[str, Kind] = {
    "counted": Kind("counted", (0, 158, 115), "#1fd1a0"),
    "unsure": Kind("unsure", (230, 159, 0), "#ffb52e", 2.5),
    "left_out": Kind("left out: cut by the frame, or outside the size window", (213, 94, 0), "#ff7a45", 7.0),
}


_CLASS_COLOURS = ((0, 158, 115), (86, 180, 233), (230, 159, 0), (204, 121, 167), (240, 228, 66), (0, 114, 178), (213, 94, 0))
_NO_CLASS = (160, 160, 160)
_DARKER = 0.6
_KNOWN_CLASSES = ("sphere", "rod", "cube", "plate", "octahedron", "irregular", "agglomerate")  # of one colour everywhere


def class_colours(names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Class -> colour (red, green, blue) of Okabe & Ito, no two alike; grey for what is not clear, or of no class.

    Shapes have their own. Another class has one by its name, so that it is the same in every micrograph, unless a class that is
    there has taken it: then the next. From the eighth on they are darker.
    """
    every = sorted(set(names))
    plain = {UNSURE, "other", ""}
    at = {name: _KNOWN_CLASSES.index(name) for name in every if name in _KNOWN_CLASSES}
    n = len(_CLASS_COLOURS)
    for name in (name for name in every if name not in plain and name not in at):
        first, taken = zlib.crc32(name.encode()), set(at.values())
        at[name] = next(k for turn in count() for i in range(n) if (k := turn * n + (first + i) % n) not in taken)
    return {name: _NO_CLASS if name in plain else palette(at[name]) for name in every}


def palette(k: int) -> tuple[int, int, int]:
    """The k-th colour (red, green, blue) of those that tell classes and phases apart; darker each time they are through."""
    r, g, b = (round(v * _DARKER ** (k // len(_CLASS_COLOURS))) for v in _CLASS_COLOURS[k % len(_CLASS_COLOURS)])
    return r, g, b


def kinds_of(table: pd.DataFrame) -> list[str]:
    """Each particle's kind, by its flags and its weight in the distribution."""
    unsure = (flags_of(table["flags"]) & Flag.LOW_CONFIDENCE.value) > 0
    kinds = np.where(table["edge_weight"].to_numpy(np.float64) == 0, "left_out", np.where(unsure, "unsure", "counted"))
    return [str(k) for k in kinds]


def flag_text(flags: Flag) -> str:
    """ "touches_border|separated" for a combination of flags; "" for none."""
    return "|".join(f.name.lower() for f in Flag if f in flags and f.name)


def flags_of(texts: pd.Series) -> NDArray[np.int64]:
    """(n,) bits of the column `flags`; names that are not known count for nothing."""
    known = {t: sum(_BIT_OF.get(name, 0) for name in str(t).split("|")) for t in texts.unique()}
    return texts.map(known).to_numpy(np.int64)


def flag_texts(flags: NDArray[np.int64]) -> list[str]:
    """The column `flags` of (n,) bits."""
    texts = {int(f): flag_text(Flag(int(f))) for f in np.unique(flags)}
    return [texts[f] for f in flags.tolist()]


def has_flag(table: pd.DataFrame, flags: Flag) -> NDArray[np.bool_]:
    """(n,) whether each particle carries one of the flags."""
    return np.asarray((flags_of(table["flags"]) & flags.value) > 0, bool)


_BIT_OF = {flag_text(f): f.value for f in Flag}


def column_names(*, in_nm: bool, order: bool = False, classes: bool = False) -> list[str]:
    """Columns of the particle table in order; with a scale each length stands in nm too, after its px column. order, classes: with
    those of the particles' order, and of their classes."""
    return list(column_dtypes(in_nm=in_nm, order=order, classes=classes))


def has_classes(table: pd.DataFrame) -> bool:
    """Whether the particles of a table have classes."""
    return CLASS_COLUMNS[0].name in table


def column_dtypes(*, in_nm: bool, order: bool = False, classes: bool = False) -> dict[str, str]:
    """Column names in order, each with its dtype."""
    dtypes: dict[str, str] = {}
    for c in (*COLUMNS, *(ORDER_COLUMNS if order else ()), *(CLASS_COLUMNS if classes else ())):
        dtypes[c.name] = c.dtype
        if in_nm and c.nm_name:
            dtypes[c.nm_name] = c.dtype
    return dtypes


_SUPERSCRIPT = {"px2": "px²", "deg": "°"}


def units(columns: Iterable[str]) -> dict[str, str]:
    """Column of the particle table -> its unit as printed ("nm", "px²", "°"; "" for ratios)."""
    known: dict[str, str] = {}
    for c in (*COLUMNS, *ORDER_COLUMNS):
        known[c.name] = _SUPERSCRIPT.get(c.unit, c.unit)
        if c.nm_name:
            known[c.nm_name] = _SUPERSCRIPT.get(c.unit, c.unit).replace("px", "nm")
    return {name: known.get(name, "") for name in columns}


def _column_table(columns: Iterable[Column]) -> list[str]:
    """Lines of a Markdown table."""
    head = ["| Column | In nm | Unit | Type | Meaning | Source |", "|---|---|---|---|---|---|"]
    return head + [
        f"| `{c.name}` | {f'`{c.nm_name}`' if c.nm_name else ''} | {c.unit} | {c.dtype} | {c.meaning} | {c.source} |"
        for c in columns
    ]


def columns_markdown() -> str:
    """docs/columns.md, whole: the columns and the flags as Markdown tables."""
    lines = [
        "# Columns of the particle table",
        "",
        "Made from `nanogauge.core.particles` by `columns_markdown()`; do not edit. Conventions: [conventions](conventions.md).",
        "",
        "Where a scale is known, a length stands in nm too, in the column after it; without a scale there are no nm columns.",
        "",
        *_column_table(COLUMNS),
        "",
        "## With order",
        "",
        "These follow where order was asked for: `order = true` under `[arrangement]`, or `nanogauge order` ([order](order.md)).",
        "",
        *_column_table(ORDER_COLUMNS),
    ]
    lines += ["", "## Classes", "", "These stand at the end of the table where classes are asked for (`--classes`, `[classes]`)."]
    lines += ["", "| Column | Type | Meaning |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.dtype} | {c.meaning} |" for c in CLASS_COLUMNS]
    lines += ["", "## Flags", "", "| Flag | Bit | Meaning |", "|---|---|---|"]
    lines += [f"| `{flag_text(flag)}` | {flag.value} | {entry.meaning} |" for flag, entry in FLAGS.items()]
    return "\n".join(lines) + "\n"
