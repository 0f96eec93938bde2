"""The registry of columns and flags: CSV header, docs, web table and dtypes all come from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the particle table. `unit` "px" or "px2" turns into nm or nm2 under `nm_name` where a scale is known."""

    name: str
    unit: str
    dtype: str
    meaning: str
    nm_name: str | None = None


def _length(name: str, meaning: str) -> Column:
    return Column(f"{name}_px", "px", "float64", meaning, f"{name}_nm")


COLUMNS: tuple[Column, ...] = (
    Column("label", "", "int64", "value of the particle's pixels in labels.tif"),
    Column("y", "px", "float64", "centroid, rows from the top, pixel centres at integers"),
    Column("x", "px", "float64", "centroid, columns from the left"),
    Column("area_px2", "px2", "float64", "number of pixels", "area_nm2"),
    _length("equivalent_diameter", "diameter of the circle of the same area, √(4A/π) (ISO 9276-6)"),
    _length("feret_max", "largest distance between parallel tangents to the outline (middles of pixel edges)"),
    _length("feret_min", "smallest distance between parallel tangents to the outline (middles of pixel edges)"),
    _length("axis_major", "long axis of the ellipse of the same second moments"),
    _length("axis_minor", "short axis of the ellipse of the same second moments"),
    _length("perimeter", "perimeter by Crofton's formula in four directions"),
    Column("aspect_ratio", "", "float64", "feret_min / feret_max, at most 1 (ISO 9276-6)"),
    Column("circularity", "", "float64", "4πA/P², 1 for a disc; above 1 the particle has too few pixels for it"),
    Column("solidity", "", "float64", "area over the area of the convex hull, at most 1"),
    Column("orientation_deg", "deg", "float64", "angle of the long axis from the x axis, counter-clockwise, -90 to 90"),
    Column("mean_grey", "", "float64", "mean grey level of the particle's pixels"),
    Column("confidence", "", "float64", "mean certainty of the network over the particle, 0 to 1"),
    Column("edge_weight", "", "float64", "Miles-Lantuéjoul weight, HW / ((H - h)(W - w)), at most 10; 0 for a particle left out"),
    Column("flags", "", "str", "flag names joined by |; empty where there is nothing to say"),
)


class Flag(IntFlag):
    """What there is to say of a particle. The names, in lower case, stand in the column `flags`."""

    TOUCHES_BORDER = 1
    TOUCHES_DATA_BAR = 2
    LOW_CONFIDENCE = 4
    SEPARATED = 8


FLAGS: dict[Flag, str] = {
    Flag.TOUCHES_BORDER: "cut by the frame; left out of the distribution",
    Flag.TOUCHES_DATA_BAR: "cut by the data bar; left out of the distribution",
    Flag.LOW_CONFIDENCE: "the network was unsure here; look before you trust it",
    Flag.SEPARATED: "touched a neighbour and was separated from it",
}


def flag_text(flags: Flag) -> str:
    """ "touches_border|separated" for a combination of flags; "" for none."""
    return "|".join(f.name.lower() for f in Flag if f in flags and f.name)


def column_names(*, in_nm: bool) -> list[str]:
    """Columns of the particle table in order; with a scale each length stands in nm too, after its px column."""
    return list(column_dtypes(in_nm=in_nm))


def column_dtypes(*, in_nm: bool) -> dict[str, str]:
    """Column names in order, each with its dtype."""
    dtypes: dict[str, str] = {}
    for c in COLUMNS:
        dtypes[c.name] = c.dtype
        if in_nm and c.nm_name:
            dtypes[c.nm_name] = c.dtype
    return dtypes


def columns_markdown() -> str:
    """docs/columns.md, whole: the columns and the flags as Markdown tables."""
    lines = [
        "# Columns of the particle table",
        "",
        "Made from `nanogauge.particles` by `columns_markdown()`; do not edit. Conventions: [conventions.md](conventions.md).",
        "",
        "Where a scale is known, a length stands in nm too, in the column after it; without a scale there are no nm columns.",
        "",
        "| Column | In nm | Unit | Type | Meaning |",
        "|---|---|---|---|---|",
    ]
    for c in COLUMNS:
        nm = f"`{c.nm_name}`" if c.nm_name else ""
        lines.append(f"| `{c.name}` | {nm} | {c.unit} | {c.dtype} | {c.meaning} |")
    lines += ["", "## Flags", "", "| Flag | Bit | Meaning |", "|---|---|---|"]
    lines += [f"| `{flag_text(flag)}` | {flag.value} | {meaning} |" for flag, meaning in FLAGS.items()]
    return "\n".join(lines) + "\n"
